using System.Text;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>SIP (RFC 3261) over UDP and TCP, with the session descriptions (RFC 4566) it carries: what is published.</summary>
public sealed class SipProtocol : Protocol
{
    private static readonly string[] Methods =
    [
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE",
    ];

    public override ProtocolId Id => ProtocolId.Sip;

    public override string Name => "sip";

    public override bool UsesTcp => true;

    public override bool UsesUdp => true;

    public override ProtocolPattern[] Patterns { get; } = BuildPatterns();

    public override BufferDescriptor[] Buffers => SipBuffers.All;

    public override AnomalyDescriptor[] Anomalies => SipAnomalies.All;

    public override string[] Frames => SipFrames.Names;

    public override EveLogger[] Loggers { get; } = [new SipEve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    /// <summary>Methods that HTTP (RTSP …) has too are asked what follows.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flows.Flow flow)
    {
        int end = data.IndexOf("\r\n"u8);
        if (end < 0)
        {
            return data.Length > SipLimits.MaxHeaderBytes ? ProbeResult.NotMine : ProbeResult.Unsure;
        }

        return data[..end].IndexOf(" SIP/"u8) >= 0 ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new SipParser(this);

    private static ProtocolPattern[] BuildPatterns()
    {
        var patterns = new List<ProtocolPattern>();
        foreach (byte transport in (byte[])[IpProtocols.Tcp, IpProtocols.Udp])
        {
            foreach (string method in Methods)
            {
                byte[] bytes = Encoding.ASCII.GetBytes(method + " ");
                patterns.Add(new ProtocolPattern(transport, Direction.ToServer, bytes, 0, (ushort)bytes.Length, Confirm: method is "ACK" or "INFO" or "NOTIFY" or "OPTIONS" or "SUBSCRIBE" or "UPDATE"));
            }

            patterns.Add(new ProtocolPattern(transport, Direction.ToClient, Encoding.ASCII.GetBytes("SIP/2.0 "), 0, 8));
        }

        return [.. patterns];
    }
}
