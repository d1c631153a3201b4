using System.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>A client that closes its side behind a request nobody recognises: the server's answer tells what it was.</summary>
public sealed class HalfClosedTests : IEventSink
{
    private const string Client = "10.0.0.1";
    private const string Server = "10.0.0.2";
    private const ushort ClientPort = 40_000;
    private const ushort ServerPort = 2869;

    private readonly List<string> _records = [];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TheRequestIsReadWhenTheAnswerTellsTheProtocol(bool isInline)
    {
        byte[] request = "NOTIFY /upnp/event HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"u8.ToArray();
        byte[] answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray();
        uint client = 1001 + (uint)request.Length;
        uint server = 2001 + (uint)answer.Length;
        Play(isInline,
            FrameBuilder.Tcp(Client, ClientPort, Server, ServerPort, 1000, 0, "S", []),
            FrameBuilder.Tcp(Server, ServerPort, Client, ClientPort, 2000, 1001, "SA", []),
            FrameBuilder.Tcp(Client, ClientPort, Server, ServerPort, 1001, 2001, "A", []),
            FrameBuilder.Tcp(Client, ClientPort, Server, ServerPort, 1001, 2001, "PA", request),
            FrameBuilder.Tcp(Client, ClientPort, Server, ServerPort, client, 2001, "FA", []),
            FrameBuilder.Tcp(Server, ServerPort, Client, ClientPort, 2001, client + 1, "A", []),
            FrameBuilder.Tcp(Server, ServerPort, Client, ClientPort, 2001, client + 1, "FPA", answer),
            FrameBuilder.Tcp(Client, ClientPort, Server, ServerPort, client + 1, server + 1, "A", []));
        Assert.Contains("\"http\":{\"hostname\":\"h\",\"url\":\"/upnp/event\"", Assert.Single(_records), StringComparison.Ordinal);
    }

    void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json) => _records.Add(Encoding.UTF8.GetString(json));

    private void Play(bool isInline, params byte[][] frames)
    {
        using PacketWorker worker = new(new WorkerEnvironment
        {
            Settings = new EngineSettings { IsInline = isInline, Eve = new EveSettings { Types = [new EveTypeSettings("http", ProtocolSettings.Empty)] } },
            Events = this,
            FlowHash = new FlowHash(1, 2),
        });
        long now = 1_700_000_000_000_000;
        foreach (byte[] frame in frames)
        {
            worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = now += 1000, LinkType = LinkType.Ethernet });
        }

        worker.Finish();
        Assert.Equal(0, worker.Faults);
    }
}
