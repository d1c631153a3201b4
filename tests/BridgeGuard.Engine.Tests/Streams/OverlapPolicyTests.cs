using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

/// <summary>
/// The table of overlap policies, as the peer resolves the same nine overlaps (host-os-policy, passive). Three groups: the new segment begins
/// before, with, after the old one; three letters: it ends before, with, after it. N: the new bytes are kept; O: the old ones.
/// </summary>
public sealed class OverlapPolicyTests
{
    private const int OldStart = 100;
    private const int OldEnd = 200;

    [Theory]
    [InlineData(HostOs.Bsd, "NNN OOO OOO")]
    [InlineData(HostOs.BsdRight, "NNN OOO OOO")]
    [InlineData(HostOs.OldLinux, "NNN ONN OOO")]
    [InlineData(HostOs.Linux, "NNN OON OOO")]
    [InlineData(HostOs.OldSolaris, "ONN ONN OON")]
    [InlineData(HostOs.Solaris, "ONN ONN OON")]
    [InlineData(HostOs.HpUx10, "NNN OOO OOO")]
    [InlineData(HostOs.HpUx11, "ONN ONN OON")]
    [InlineData(HostOs.Irix, "NNN OOO OOO")]
    [InlineData(HostOs.MacOs, "NNN OOO OOO")]
    [InlineData(HostOs.Windows, "NNN OOO OOO")]
    [InlineData(HostOs.Windows2k3, "NNN OOO OOO")]
    [InlineData(HostOs.Vista, "OOO OOO OOO")]
    [InlineData(HostOs.First, "OOO OOO OOO")]
    [InlineData(HostOs.Last, "NNN NNN NNN")]
    public void TheReceiversSystemDecidesWhichCopyIsKept(HostOs os, string expected)
    {
        List<char> kept = [];
        foreach (int begin in (int[])[-10, 0, 10])
        {
            foreach (int end in (int[])[-10, 0, 10])
            {
                kept.Add(Kept(os, OldStart + begin, OldEnd + end));
            }

            kept.Add(' ');
        }

        Assert.Equal(expected, new string([.. kept]).TrimEnd());
    }

    [Theory]
    [InlineData(HostOs.Bsd)]
    [InlineData(HostOs.Last)]
    public void InlineTheFirstCopyIsKeptWhateverTheSystem(HostOs os)
    {
        TcpBench bench = new(Settings(os, isInline: true));
        bench.Handshake();
        bench.Data(5, "old");
        bench.Data(5, "new");
        bench.Data(0, "12345");
        Assert.Equal("12345old", bench.Consumer.Text(Direction.ToServer));
    }

    private static char Kept(HostOs os, int start, int end)
    {
        TcpBench bench = new(Settings(os, isInline: false));
        bench.Handshake();
        bench.Data(OldStart, new string('O', OldEnd - OldStart));
        bench.Data(start, new string('N', end - start));
        bench.Data(0, new string('.', Math.Min(start, OldStart)));
        bench.ServerAck(Math.Max(end, OldEnd));
        string stream = bench.Consumer.Text(Direction.ToServer);
        Assert.Equal(Math.Max(end, OldEnd), stream.Length);
        string common = stream[Math.Max(start, OldStart)..Math.Min(end, OldEnd)];
        Assert.Single(common.Distinct());
        return common[0];
    }

    private static EngineSettings Settings(HostOs os, bool isInline) => new()
    {
        IsInline = isInline,
        HostOs = [new HostOsEntry(default, 0, os)],
    };
}
