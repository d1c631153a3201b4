using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Quic;
using BridgeGuard.Engine.Protocols.Tls;

namespace BridgeGuard.Engine.Policy.Encrypted;

/// <summary>Compares what a TLS (or QUIC) handshake shows with a role's policy. Pure functions; no allocation.</summary>
internal static class EncryptedTraffic
{
    private const ushort EncryptedClientHello = 0xfe0d;
    private const ushort DnsOverTlsPort = 853;

    /// <summary>Resolvers that browsers and systems ship with: blocking them by name brings their clients back to the network's own resolver.</summary>
    private static readonly byte[][] Resolvers =
    [
        "dns.google"u8.ToArray(),
        "dns64.dns.google"u8.ToArray(),
        ".cloudflare-dns.com"u8.ToArray(),
        "cloudflare-dns.com"u8.ToArray(),
        "one.one.one.one"u8.ToArray(),
        ".quad9.net"u8.ToArray(),
        ".opendns.com"u8.ToArray(),
        ".nextdns.io"u8.ToArray(),
        ".adguard-dns.com"u8.ToArray(),
        ".adguard.com"u8.ToArray(),
        ".mullvad.net"u8.ToArray(),
        ".controld.com"u8.ToArray(),
        ".cleanbrowsing.org"u8.ToArray(),
        ".dns.sb"u8.ToArray(),
        "doh.applied-privacy.net"u8.ToArray(),
        "dns.switch.ch"u8.ToArray(),
        "dns0.eu"u8.ToArray(),
        "mask.icloud.com"u8.ToArray(),
        "mask-h2.icloud.com"u8.ToArray(),
    ];

    /// <summary>What the client's hello of a flow breaks; null when nothing, or when no hello was seen yet.</summary>
    public static RuleInfo? CheckClient(Flow flow, EncryptedModel model, out RoleAction action, out bool isKnown)
    {
        action = RoleAction.AsRule;
        isKnown = false;
        if (FindTls(flow) is not { } tls || !tls.Client.IsSeen)
        {
            return null;
        }

        isKnown = true;
        ReadOnlySpan<byte> name = tls.Client.Sni.Exists ? tls.Client.Text[tls.Client.Sni] : default;
        if (model.NameAction != RoleAction.AsRule && (IsListed(name, model.DeniedNames) || (model.AllowedNames.Length > 0 && !IsListed(name, model.AllowedNames))))
        {
            action = model.NameAction;
            return PolicyRules.ServerName;
        }

        if (model.DnsOverHttps != RoleAction.AsRule && (flow.Key.DestinationPort == DnsOverTlsPort || IsListed(name, Resolvers)))
        {
            action = model.DnsOverHttps;
            return PolicyRules.DnsOverHttps;
        }

        if (model.EncryptedHello != RoleAction.AsRule && tls.Client.Extensions.Values.Contains(EncryptedClientHello))
        {
            action = model.EncryptedHello;
            return PolicyRules.EncryptedHello;
        }

        if (model.Ja4Action != RoleAction.AsRule && model.DeniedJa4.Length > 0 && IsEqualToAny(tls.Ja4, model.DeniedJa4))
        {
            action = model.Ja4Action;
            return PolicyRules.ClientFingerprint;
        }

        return null;
    }

    /// <summary>The same for the server's hello and certificate.</summary>
    /// <param name="isKnown">Both were seen, or will not come: it need not be asked again.</param>
    public static RuleInfo? CheckServer(Flow flow, EncryptedModel model, out RoleAction action, out bool isKnown)
    {
        action = RoleAction.AsRule;
        isKnown = false;
        if (FindTls(flow) is not { } tls || !tls.Server.IsSeen)
        {
            return null;
        }

        if (model.VersionAction != RoleAction.AsRule && tls.Version != 0 && tls.Version < model.MinimumVersion)
        {
            isKnown = true;
            action = model.VersionAction;
            return PolicyRules.OldTls;
        }

        TlsCertificate certificate = tls.ServerCertificate;
        isKnown = model.CertificateAction == RoleAction.AsRule || certificate.IsRead || tls.IsResumed || flow.Has(FlowFlags.Encrypted);
        if (model.CertificateAction != RoleAction.AsRule && certificate.IsRead
            && (HoldsAny(certificate.IssuerText, model.DeniedCertificates) || HoldsAny(certificate.SubjectText, model.DeniedCertificates)
                || IsEqualToAny(certificate.FingerprintText, model.DeniedCertificates)))
        {
            action = model.CertificateAction;
            return PolicyRules.Certificate;
        }

        return null;
    }

    /// <summary>The name is in the list, or below an item with a leading dot. Names are compared without regard to case.</summary>
    public static bool IsListed(ReadOnlySpan<byte> name, byte[][] list)
    {
        foreach (byte[] item in list)
        {
            bool isDomain = item.Length > 0 && item[0] == (byte)'.';
            if (name.Length == item.Length - (isDomain ? 1 : 0)
                ? System.Text.Ascii.EqualsIgnoreCase(name, item.AsSpan(isDomain ? 1 : 0))
                : isDomain && name.Length > item.Length && System.Text.Ascii.EqualsIgnoreCase(name[^item.Length..], item))
            {
                return true;
            }
        }

        return false;
    }

    private static TlsTransaction? FindTls(Flow flow)
    {
        if (flow.AppState is not { Transactions.Count: > 0 } state)
        {
            return null;
        }

        return state.Transactions[0] switch
        {
            TlsTransaction tls => tls,
            QuicTransaction quic => quic.Hello,
            _ => null,
        };
    }

    private static bool IsEqualToAny(ReadOnlySpan<byte> value, byte[][] list)
    {
        foreach (byte[] item in list)
        {
            if (System.Text.Ascii.EqualsIgnoreCase(value, item))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HoldsAny(ReadOnlySpan<byte> value, byte[][] list)
    {
        foreach (byte[] item in list)
        {
            if (value.IndexOf(item) >= 0)
            {
                return true;
            }
        }

        return false;
    }
}
