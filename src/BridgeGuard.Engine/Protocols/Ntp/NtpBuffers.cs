namespace BridgeGuard.Engine.Protocols.Ntp;

internal enum NtpField
{
    Version,
    Mode,
    Stratum,
}

/// <summary>What rules may look at.</summary>
internal static class NtpBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        new()
        {
            Name = "ntp.reference_id",
            LocalId = 0,
            Directions = DirectionMask.Both,
            ProgressToServer = 1,
            ProgressToClient = 1,
            Help = "the four bytes of the reference identifier",
        },
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        Field("ntp.version", NtpField.Version, [], "the version number"),
        Field(
            "ntp.mode",
            NtpField.Mode,
            [
                ("reserved", 0), ("symmetric_active", 1), ("symmetric_passive", 2), ("client", 3), ("server", 4), ("broadcast", 5), ("control", 6),
                ("private", 7),
            ],
            "the association mode (RFC 5905 §3)"),
        Field("ntp.stratum", NtpField.Stratum, [], "the distance from a reference clock"),
    ];

    private static FieldDescriptor Field(string name, NtpField id, (string Name, ulong Value)[] names, string help) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = DirectionMask.Both,
        ProgressToServer = 1,
        ProgressToClient = 1,
        Bits = 8,
        Names = names,
        Help = help,
    };
}
