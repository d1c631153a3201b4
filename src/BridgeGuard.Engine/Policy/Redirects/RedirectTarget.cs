using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Redirects;

/// <summary>A honeypot or proxy that flows can be moved to.</summary>
/// <param name="Name">As operators call it.</param>
/// <param name="Address">Its address on the same bridge; same family as the flows it takes.</param>
/// <param name="Mac">Its Ethernet address in the low 48 bits; 0: taken from what the wire shows (ARP, ND, its own frames).</param>
/// <param name="Port">Its port; 0: the port that the client asked for.</param>
public sealed record RedirectTarget(string Name, IpAddress Address, ulong Mac, ushort Port)
{
    /// <summary>Name of the bridge port that the client's frames leave by, unchanged; the answers that come in by it go to the client. Empty: the target is an address.</summary>
    public string BridgePort { get; init; } = "";

    /// <summary>Moved flows are inspected until nothing more is to be seen in them; false: the kernel carries them from their first frame on.</summary>
    public bool IsInspected { get; init; } = true;
}
