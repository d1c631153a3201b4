using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Frames;
using BridgeGuard.Engine.Protocols.Named;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Named;

public sealed class TelnetParserTests
{
    private static readonly TelnetProtocol Telnet = new();

    /// <summary>The frames of an input without the PDUs around them, as «type offset length».</summary>
    private static string[] Frames(string latin1, bool isEnd = false, Direction direction = Direction.ToServer)
    {
        var frames = new FrameList();
        Telnet.CreateState(ProtocolSettings.Empty).Parse(Encoding.Latin1.GetBytes(latin1), new ParseContext
        {
            Flow = new Flow(),
            Direction = direction,
            TimeUs = 1,
            IsEnd = isEnd,
            Files = new FileTracker(new FileSettings()),
            Frames = frames,
        });
        return [.. Enumerable.Range(0, frames.Count).Select(i => frames[i]).Where(f => f.Type != TelnetProtocol.PduFrame)
            .Select(f => $"{Telnet.Frames[f.Type]} {f.Offset} {f.Length}")];
    }

    [Fact]
    public void CommandsAreCutByTheirKind() =>
        Assert.Equal(["ctl 0 3", "ctl 3 2", "ctl 5 5", "ctl 10 2", "data 12 4"], Frames("\xff\xfd\x18\xff\xf1\xff\xfa\x18\x01x\xff\xf0ls\r\n"));

    [Fact]
    public void APromptNeedsNoLineEnd() => Assert.Equal(["data 0 14"], Frames("hello\r\nlogin: ", direction: Direction.ToClient));

    [Fact]
    public void AnUnfinishedLineWaits()
    {
        Assert.Equal(["data 0 3"], Frames("a\r\nbc"));
        Assert.Equal(["data 0 3", "data 3 2"], Frames("a\r\nbc", isEnd: true));
        Assert.Empty(Frames("\xff\xfd"));
    }

    [Fact]
    public void EndlessTextIsCut() => Assert.Equal(["data 0 8192"], Frames(new string('a', 9000)));
}
