using System.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Dns;

/// <summary>LLMNR (RFC 4795): DNS messages on port 5355, asked of a group, answered by whoever has the name, from its own address.</summary>
public sealed class LlmnrTests : IEventSink
{
    private const string Client = "10.0.0.1";
    private const string Owner = "10.0.0.7";
    private const string Group = "224.0.0.252";
    private const ushort Port = 5355;
    private const ushort ClientPort = 50_001;

    private readonly List<string> _records = [];

    /// <summary>"host-a", type A; the second with one answer.</summary>
    private static byte[] Query => [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, .. "host-a"u8, 0, 0, 1, 0, 1];

    private static byte[] Answer => [0, 1, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0, 6, .. "host-a"u8, 0, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 0, 0, 7];

    [Fact]
    public void OnItsPortItIsDns()
    {
        Play("53,5355",
            FrameBuilder.Udp(Client, ClientPort, Group, Port, Query),
            FrameBuilder.Udp(Owner, Port, Client, ClientPort, Answer));
        Assert.Equal(2, _records.Count);
        Assert.Contains("\"type\":\"request\"", _records[0], StringComparison.Ordinal);
        Assert.Contains("\"dest_ip\":\"224.0.0.252\"", _records[0], StringComparison.Ordinal);
        Assert.Contains("\"rrname\":\"host-a\"", _records[0], StringComparison.Ordinal);

        // The answer is a flow of its own, whose client is still who asked.
        Assert.Contains("\"type\":\"response\"", _records[1], StringComparison.Ordinal);
        Assert.Contains("\"rdata\":\"10.0.0.7\"", _records[1], StringComparison.Ordinal);
    }

    [Fact]
    public void WhereThePortIsNotNamedItIsNobodys()
    {
        Play("53", FrameBuilder.Udp(Client, ClientPort, Group, Port, Query));
        Assert.Empty(_records);
    }

    void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json) => _records.Add(Encoding.UTF8.GetString(json));

    private void Play(string ports, params byte[][] frames)
    {
        var dns = new ProtocolSettings(new Dictionary<string, string> { ["udp.detection-ports.dp"] = ports });
        using PacketWorker worker = new(new WorkerEnvironment
        {
            Settings = new EngineSettings
            {
                AppLayer = new AppLayerSettings { Protocols = new Dictionary<string, ProtocolSettings> { ["dns"] = dns } },
                Eve = new EveSettings { Types = [new EveTypeSettings("dns", ProtocolSettings.Empty)] },
            },
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
