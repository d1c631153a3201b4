using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>LLDP data units. What is read lies within the input, is the same before a page that cannot be read, and does not depend on what follows the end.</summary>
internal sealed class LldpTarget : IFuzzTarget
{
    private readonly GuardedBuffer _guarded = new();

    public string Name => "lldp";

    public IReadOnlyList<byte[]> Seeds() =>
    [
        [2, 7, 4, 2, 0x77, 0, 0, 0, 1, 4, 5, 5, .. "eth0"u8, 6, 2, 0, 120, 10, 5, .. "web-1"u8, 16, 12, 5, 1, 10, 0, 0, 7, 2, 0, 0, 0, 1, 0, 0, 0],
        [2, 6, 5, 1, 10, 0, 0, 1, 4, 7, 3, 2, 0, 0, 0, 0, 1, 6, 2, 0, 30, 16, 24, 17, 2, 0x20, 1, 0xd, 0xb8, .. new byte[11], 1, 2, 0, 0, 0, 1, 0, 254, 6, 0, 0x12, 0xf, 1, 1, 0, 0, 0],
    ];

    public void Run(byte[] input)
    {
        bool isRead = LldpView.TryCreate(input, out LldpView view);
        int start = _guarded.Place(input);
        if (LldpView.TryCreate(_guarded.Array.AsSpan(start, input.Length), out LldpView guarded) != isRead)
        {
            throw new InvalidOperationException("The bytes around a unit change how it is read.");
        }

        if (!isRead)
        {
            return;
        }

        if (guarded.Digest() != view.Digest() || guarded.LifetimeSeconds != view.LifetimeSeconds || view.Chassis.Length is < 2 or > 256 || view.Port.Length is < 2 or > 256
            || view.SystemName.Length > 255 || !input.AsSpan().Overlaps(view.Chassis, out int at) || at != 2)
        {
            throw new InvalidOperationException("A unit is not what its bytes say.");
        }

        LldpView.TryFind(input, out _);
    }
}
