using System.Text.Json.Nodes;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Which exchange an alert on a datagram belongs to: as Suricata 8.0.8 has it for LDAP, NFS (answers end a request's) and SNMP (each message is one).</summary>
public sealed class DatagramTransactionTests : IEventSink
{
    private const string Rules = """
        alert PROTOCOL any any -> any any (msg:"protocol alone"; sid:1;)
        alert PROTOCOL any any -> any any (msg:"direction"; flow:to_client; sid:2;)
        alert PROTOCOL any any -> any any (msg:"size"; dsize:>5; sid:3;)
        alert PROTOCOL any any -> any any (msg:"content"; content:"|02 01|"; sid:4;)
        """;

    private static readonly byte[] BindRequest = [0x30, 0x0c, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
    private static readonly byte[] BindResponse = [0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0];

    private readonly List<string> _alerts = [];

    void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        JsonNode record = JsonNode.Parse(json)!;
        _alerts.Add($"{(int)record["alert"]!["signature_id"]!}:{record["tx_id"]?.ToString() ?? "-"}");
    }

    [Fact]
    public void AnAnswerBelongsToItsRequestForRulesOnTheProtocolAlone()
    {
        using PacketWorker worker = Start("ldap");
        Send(worker, true, 389, BindRequest);
        Assert.Equal("1:0 3:0 4:0", Told());
        Send(worker, false, 389, BindResponse);
        Assert.Equal("1:0 2:- 3:- 4:-", Told());
    }

    [Fact]
    public void AnAnswerThatIsAnExchangeOfItsOwnIsNamed()
    {
        using PacketWorker worker = Start("snmp");
        Send(worker, true, 161, Snmp(0xa0));
        Assert.Equal("1:0 3:0 4:0", Told());
        Send(worker, false, 161, Snmp(0xa2));
        Assert.Equal("1:1 2:1 3:1 4:1", Told());
    }

    /// <summary>RFC 1157: version 1, community, one PDU of a kind with request id 1 and the variable sysDescr.</summary>
    private static byte[] Snmp(byte kind) =>
    [
        0x30, 0x29, 2, 1, 0, 4, 6, (byte)'p', (byte)'u', (byte)'b', (byte)'l', (byte)'i', (byte)'c', kind, 0x1c, 2, 4, 0, 0, 0, 1, 2, 1, 0, 2, 1, 0,
        0x30, 0x0e, 0x30, 0x0c, 6, 8, 0x2b, 6, 1, 2, 1, 1, 1, 0, 5, 0,
    ];

    private string Told()
    {
        string told = string.Join(' ', _alerts.Order(StringComparer.Ordinal));
        _alerts.Clear();
        return told;
    }

    private PacketWorker Start(string protocol)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("test.rules", Rules.Replace("PROTOCOL", protocol, StringComparison.Ordinal))] });
        Assert.False(loaded.HasErrors);
        EngineSettings settings = new() { Eve = new EveSettings { Types = [new EveTypeSettings("alert", ProtocolSettings.Empty)] } };
        return new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)),
        };
    }

    private static void Send(PacketWorker worker, bool byClient, ushort port, byte[] data)
    {
        byte[] frame = byClient ? FrameBuilder.Udp("192.168.1.10", 4444, "192.168.1.20", port, data) : FrameBuilder.Udp("192.168.1.20", port, "192.168.1.10", 4444, data);
        worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = 1_700_000_000_000_000, LinkType = LinkType.Ethernet });
        Assert.Null(worker.LastFault);
    }
}
