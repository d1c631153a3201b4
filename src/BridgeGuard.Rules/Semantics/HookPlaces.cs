using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Rules.Semantics;

/// <summary>At which hook Suricata 8 takes a buffer or keyword, where that is not the progress from which it is asked here.</summary>
/// <remarks>Found by asking Suricata about every buffer and keyword at every hook of its protocol (`suricata --list-app-layer-hooks`).</remarks>
internal static class HookPlaces
{
    /// <summary>No hook's name stands for it.</summary>
    private const int Nowhere = int.MaxValue;

    private static readonly HashSet<string> Numbers =
        ["dns.opcode", "dns.rcode", "dns.rrtype", "http2.frametype", "http2.errorcode", "http2.priority", "http2.window", "http2.size_update", "http2.settings"];

    /// <summary>The progress of the hook that it belongs to.</summary>
    /// <param name="protocol">The hook's protocol.</param>
    /// <param name="name">The buffer or keyword; null for conditions on files.</param>
    /// <param name="progress">From which progress it is asked.</param>
    public static int Find(ProtocolId protocol, string? name, int progress) => protocol switch
    {
        ProtocolId.DceRpc or ProtocolId.Dhcp or ProtocolId.FtpData or ProtocolId.Ldap or ProtocolId.Mqtt or ProtocolId.Nfs or ProtocolId.Rfb
            or ProtocolId.Sip or ProtocolId.Smb or ProtocolId.WebSocket => 0,
        ProtocolId.Snmp => 1,
        ProtocolId.Http2 or ProtocolId.Doh2 => name is null ? progress : Numbers.Contains(name) ? 0 : Nowhere,
        ProtocolId.Dns => name is not null && Numbers.Contains(name) ? 0 : 1,
        ProtocolId.Ftp when name == "ftp.reply_received" => 0,
        ProtocolId.Krb5 when name == "krb5.ticket_encryption" => 0,
        ProtocolId.Tls when name == "tls.random" => 0,
        ProtocolId.Http1 when name == "http.protocol" => 1,
        _ => progress,
    };

    /// <summary>Whether a protocol's own keyword, which is no buffer, has a place.</summary>
    public static bool Knows(ProtocolId protocol, string? name) => name is not ("dcerpc.iface" or "ike.chosen_sa_attribute") && Find(protocol, name, -1) >= 0;
}
