using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy.Encrypted;

/// <summary>A role's policy for traffic whose content cannot be read: by what the handshake shows. Immutable; actions of <see cref="RoleAction.AsRule"/> are off.</summary>
public sealed record EncryptedModel
{
    public static readonly EncryptedModel None = new();

    /// <summary>Server names, lower case; a leading dot covers all names below.</summary>
    public byte[][] DeniedNames { get; init; } = [];

    /// <summary>Only these names may be asked for when there is at least one; a hello without a name is not among them.</summary>
    public byte[][] AllowedNames { get; init; } = [];

    public RoleAction NameAction { get; init; }

    /// <summary>JA4 fingerprints of clients.</summary>
    public byte[][] DeniedJa4 { get; init; } = [];

    public RoleAction Ja4Action { get; init; }

    /// <summary>Parts of an issuer's or subject's name, or a SHA-1 fingerprint, of server certificates; TLS 1.3 shows none.</summary>
    public byte[][] DeniedCertificates { get; init; } = [];

    public RoleAction CertificateAction { get; init; }

    /// <summary>Lowest TLS version that may be agreed on, as on the wire (0x0303 is TLS 1.2); 0: any.</summary>
    public ushort MinimumVersion { get; init; }

    public RoleAction VersionAction { get; init; }

    /// <summary>DNS over HTTPS, by the names of well-known resolvers and over HTTP/2 by its media type, and DNS over TLS by its port.</summary>
    public RoleAction DnsOverHttps { get; init; }

    /// <summary>A hello with an encrypted one inside (ECH, extension 0xfe0d); GREASE of browsers looks the same on the wire.</summary>
    public RoleAction EncryptedHello { get; init; }

    public bool IsOn => (NameAction | Ja4Action | CertificateAction | VersionAction | DnsOverHttps | EncryptedHello) != RoleAction.AsRule;
}
