using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ntp;

/// <summary>One NTP message.</summary>
internal sealed class NtpTransaction : Transaction
{
    public const int ReferenceIdBytes = 4;

    private readonly byte[] _referenceId = new byte[ReferenceIdBytes];

    public byte Version { get; set; }

    public byte Mode { get; set; }

    public byte Stratum { get; set; }

    /// <summary>Four letters (stratum 1), an IPv4 address, or a part of a hash of an IPv6 address.</summary>
    public ReadOnlySpan<byte> ReferenceId => _referenceId;

    public void SetReferenceId(ReadOnlySpan<byte> bytes) => bytes.CopyTo(_referenceId);

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = new BufferView(_referenceId);
        return ExistsIn(direction) && index == 0;
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        value = (NtpField)field switch
        {
            NtpField.Version => Version,
            NtpField.Mode => Mode,
            _ => Stratum,
        };
        return ExistsIn(direction) && index == 0;
    }
}
