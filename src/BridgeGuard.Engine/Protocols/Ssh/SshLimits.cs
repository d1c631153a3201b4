namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>Every cap and choice of the SSH parser, from <c>app-layer.protocols.ssh</c>.</summary>
internal sealed class SshLimits(ProtocolSettings settings)
{
    /// <summary>RFC 4253 §4.2: 255 bytes with CR LF.</summary>
    public const int MaxBannerBytes = 256;

    /// <summary>A KEXINIT with its header; RFC 4253 §6.1 asks for records of 35,000 bytes to be taken.</summary>
    public const int MaxKexInitBytes = 35_000;


    /// <summary>Show HASSH without a rule that asks for it.</summary>
    public bool ShowsHassh { get; } = settings.GetBool("hassh", false);
}
