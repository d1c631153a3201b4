using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>One message.</summary>
internal sealed partial class IkeTransaction : Transaction
{
    private const int SpiDigits = 16;

    private readonly byte[] _payloads = new byte[IkeLimits.MaxPayloads + 1];
    private readonly ushort[] _notifications = new ushort[IkeLimits.MaxPayloads];
    private readonly Slice[] _vendors = new Slice[IkeLimits.MaxVendors];
    private readonly List<IkeAttributeList> _transforms = [];
    private readonly byte[] _initiatorSpi = new byte[SpiDigits];
    private readonly byte[] _responderSpi = new byte[SpiDigits];
    private readonly ushort[] _chosen = new ushort[IkeTables.TransformTypes];

    /// <summary>Owner of the slices; a datagram bounds it.</summary>
    public ByteBuffer Bytes { get; } = new();

    public byte Major { get; private set; }

    public byte ExchangeType { get; private set; }

    public byte Flags { get; private set; }

    public uint MessageId { get; private set; }

    public bool IsEncrypted { get; set; }

    /// <summary>In hexadecimal, as rules and EVE show it.</summary>
    public ReadOnlySpan<byte> InitiatorSpi => _initiatorSpi;

    public ReadOnlySpan<byte> ResponderSpi => _responderSpi;

    public int PayloadCount { get; private set; }

    public int NotificationCount { get; private set; }

    /// <summary>Notifications that report an error (RFC 7296 §3.10.1).</summary>
    public int ErrorCount { get; private set; }

    public int VendorCount { get; private set; }

    public int TransformCount { get; private set; }

    public Slice KeyExchange { get; set; } = Slice.None;

    public Slice Nonce { get; set; } = Slice.None;

    public uint? Doi { get; private set; }

    /// <summary>Version 1: the attributes agreed on so far.</summary>
    public IkeAttributeList Agreed { get; } = new();

    /// <summary>What both sides have sent so far, client first.</summary>
    public Slice[] KnownKeyExchange { get; } = [Slice.None, Slice.None];

    public Slice[] KnownNonce { get; } = [Slice.None, Slice.None];

    public byte Payload(int index) => _payloads[index];

    public ushort Notification(int index) => _notifications[index];

    public ReadOnlySpan<byte> Vendor(int index) => Bytes[_vendors[index]];

    public IkeAttributeList Transform(int index) => _transforms[index];

    /// <summary>Version 2: the identifier that the responder chose.</summary>
    public ushort Chosen(IkeTransform2 type) => _chosen[(int)type];

    public void Begin(in IkeHeader header)
    {
        Major = header.Major;
        ExchangeType = header.ExchangeType;
        Flags = header.Flags;
        MessageId = header.MessageId;
        WriteHex(header.InitiatorSpi, _initiatorSpi);
        WriteHex(header.ResponderSpi, _responderSpi);
    }

    public void AddPayload(byte type)
    {
        if (PayloadCount < _payloads.Length)
        {
            _payloads[PayloadCount++] = type;
        }
    }

    public void AddPayloadOnce(byte type)
    {
        if (!_payloads.AsSpan(0, PayloadCount).Contains(type))
        {
            AddPayload(type);
        }
    }

    public void ClearPayloads() => PayloadCount = 0;

    public void AddNotification(ushort type)
    {
        if (NotificationCount < _notifications.Length)
        {
            _notifications[NotificationCount++] = type;
            ErrorCount += type < IkeTables.FirstStatusNotification ? 1 : 0;
        }
    }

    public void AddVendor(ReadOnlySpan<byte> id)
    {
        if (VendorCount < _vendors.Length)
        {
            Slice digits = new(Bytes.Length, id.Length * 2);
            WriteHex(id, Bytes.Reserve(digits.Length));
            Bytes.Commit(digits.Length);
            _vendors[VendorCount++] = digits;
        }
    }

    /// <summary>A list for one more transform; null above the cap.</summary>
    public IkeAttributeList? AddTransform()
    {
        if (TransformCount == IkeLimits.MaxTransforms)
        {
            return null;
        }

        if (TransformCount == _transforms.Count)
        {
            _transforms.Add(new IkeAttributeList());
        }

        IkeAttributeList list = _transforms[TransformCount++];
        list.Reset();
        return list;
    }

    /// <summary>Copies what the flow has agreed on, which later messages may change.</summary>
    public void TakeAgreement(IkeAgreement agreement)
    {
        Doi = agreement.Doi;
        agreement.Chosen.CopyTo(_chosen, 0);
        Agreed.CopyFrom(agreement.Attributes);
        for (int i = 0; i < 2 && Major == 1; i++)
        {
            KnownKeyExchange[i] = agreement.TryGetKeyExchange((Direction)i, out ReadOnlySpan<byte> key) ? Bytes.Append(key) : Slice.None;
            KnownNonce[i] = agreement.TryGetNonce((Direction)i, out ReadOnlySpan<byte> nonce) ? Bytes.Append(nonce) : Slice.None;
        }
    }

    public void Raise(IkeAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        PayloadCount = NotificationCount = ErrorCount = VendorCount = TransformCount = 0;
        KeyExchange = Nonce = Slice.None;
        KnownKeyExchange.AsSpan().Fill(Slice.None);
        KnownNonce.AsSpan().Fill(Slice.None);
        IsEncrypted = false;
        Doi = null;
        Agreed.Reset();
    }

    private static void WriteHex(ReadOnlySpan<byte> bytes, Span<byte> digits)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            digits[2 * i] = "0123456789abcdef"u8[bytes[i] >> 4];
            digits[(2 * i) + 1] = "0123456789abcdef"u8[bytes[i] & 15];
        }
    }
}
