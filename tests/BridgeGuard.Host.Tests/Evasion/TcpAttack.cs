using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Evasion;

/// <summary>Plays one connection through the engine to the host's kernel, twice: once to compare what was read, once to see the attack dropped.</summary>
internal sealed class TcpAttack(TcpKernelHost host)
{
    public const string Mark = "ATTACK-STRING";
    public const string Text = "GET /cgi-bin/" + Mark + "?id=1 HTTP/1.0\r\n\r\n";

    /// <summary>Options of the SYN; must ask for timestamps where <see cref="TcpSegment.Options"/> carry them.</summary>
    public byte[] SynOptions { get; init; } = [];

    /// <summary>Options of every segment that has none of its own.</summary>
    public byte[] UsualOptions { get; init; } = [];

    public uint Isn { get; init; } = 0x1000_0000;

    /// <summary>Sent with or before the handshake's third packet.</summary>
    public IReadOnlyList<TcpSegment> Early { get; init; } = [];

    /// <summary>Leaves out the handshake's third packet: one of the segments completes it.</summary>
    public bool SkipAck { get; init; }

    public byte[] SynData { get; init; } = [];

    /// <summary>The host's program must never read what the engine did not see, nor, with the rule, the attack.</summary>
    /// <param name="what">For the failure's text.</param>
    /// <param name="segments">After the handshake.</param>
    /// <param name="expected">What the program must have read without the rule; null: anything that was seen.</param>
    /// <returns>What the program read without the rule.</returns>
    public string Check(string what, IReadOnlyList<TcpSegment> segments, string? expected = null)
    {
        StreamInspector stream = new();
        string received = Play(stream, segments);
        Assert.True(stream.Seen.StartsWith(received, StringComparison.Ordinal), $"{what}: the host read \"{received}\" where the engine saw \"{stream.Seen}\"");
        if (expected is not null)
        {
            Assert.True(received == expected, $"{what}: the host read \"{received}\", not \"{expected}\"; the engine saw \"{stream.Seen}\"");
        }

        using WorkerInspector worker = new();
        string leaked = Play(worker, segments);
        Assert.False(leaked.Contains(Mark, StringComparison.Ordinal), $"{what}: the attack passed");
        if (received.Contains(Mark, StringComparison.Ordinal))
        {
            Assert.True(worker.Caught, $"{what}: the attack was not recognised");
        }

        return received;
    }

    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    private string Play(IInspector inspector, IReadOnlyList<TcpSegment> segments)
    {
        ushort port = host.TakePort();
        uint serverNext = 0;
        Pass(inspector, new TcpSegment { Flags = "S", Options = SynOptions, Data = SynData }.ToFrame(port, Isn, 0));
        foreach (TcpSegment segment in Early)
        {
            Pass(inspector, segment.ToFrame(port, Isn, 0));
        }

        byte[]? answer = null;
        if (!BridgeLab.Until(() => (answer = host.TakeAnswer(port)) is not null))
        {
            return host.Read(port).Text;
        }

        serverNext = BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(38)) + 1;
        inspector.Inspect(answer!, fromHost: true);
        if (!SkipAck)
        {
            Pass(inspector, new TcpSegment { Flags = "A", Options = UsualOptions }.ToFrame(port, Isn, serverNext));
        }

        foreach (TcpSegment segment in segments)
        {
            TcpSegment whole = segment.Options.Length == 0 && UsualOptions.Length > 0 ? segment with { Options = UsualOptions } : segment;
            Pass(inspector, whole.ToFrame(port, Isn, serverNext), segment.IsLost);
            TakeAnswers(inspector, port);
        }

        return host.Read(port).Text;
    }

    private void Pass(IInspector inspector, byte[] frame, bool isLost = false)
    {
        if (inspector.Inspect(frame, fromHost: false) && !isLost)
        {
            host.Send(frame);
        }
    }

    private void TakeAnswers(IInspector inspector, ushort port)
    {
        while (host.TakeAnswer(port) is { } answer)
        {
            inspector.Inspect(answer, fromHost: true);
        }
    }
}
