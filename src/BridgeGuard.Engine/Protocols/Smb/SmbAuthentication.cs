using System.Buffers.Binary;
using System.Formats.Asn1;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>What a session setup's token says: NTLMSSP (MS-NLMP §2.2.1.3) or a Kerberos ticket (RFC 4120 §5.3), bare or in SPNEGO (RFC 4178).</summary>
internal sealed class SmbAuthentication
{
    /// <summary>SPNEGO with Kerberos inside needs seven levels.</summary>
    private const int MaxDepth = 9;

    private readonly Slice[] _serviceNames = new Slice[SmbLimits.MaxServiceNames];

    public ByteBuffer Text { get; } = new();

    /// <summary>An NTLMSSP AUTHENTICATE message was read.</summary>
    public bool HasNtlm { get; private set; }

    public Slice Domain { get; private set; } = Slice.None;

    public Slice User { get; private set; } = Slice.None;

    public Slice Host { get; private set; } = Slice.None;

    public bool HasVersion { get; private set; }

    public byte VersionMajor { get; private set; }

    public byte VersionMinor { get; private set; }

    public ushort VersionBuild { get; private set; }

    public byte VersionRevision { get; private set; }

    public bool HasKerberos { get; private set; }

    public Slice Realm { get; private set; } = Slice.None;

    public ReadOnlySpan<Slice> ServiceNames => _serviceNames.AsSpan(0, ServiceNameCount);

    public int ServiceNameCount { get; private set; }

    private static ReadOnlySpan<byte> Signature => "NTLMSSP\0"u8;

    private static ReadOnlySpan<byte> KerberosOid => [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];

    /// <summary>The names do not follow one another as domain, user, host.</summary>
    public bool IsOutOfOrder { get; private set; }

    /// <summary>Reads a token; one that cannot be read says nothing.</summary>
    public void Read(ReadOnlySpan<byte> token) => Read(token, 0);

    public void Reset()
    {
        Text.Reset();
        HasNtlm = false;
        HasVersion = false;
        HasKerberos = false;
        IsOutOfOrder = false;
        Domain = User = Host = Realm = Slice.None;
        ServiceNameCount = 0;
    }

    private void Read(ReadOnlySpan<byte> token, int depth)
    {
        if (token.StartsWith(Signature))
        {
            ReadNtlm(token);
        }
        else
        {
            ReadNested(token, depth);
        }
    }

    /// <summary>SPNEGO and the GSS-API frame of Kerberos nest tokens in OCTET STRINGs: all elements are looked through, so deep and no deeper.</summary>
    /// <returns>True when the token's mechanism was found and read.</returns>
    private bool ReadNested(ReadOnlySpan<byte> rest, int depth)
    {
        bool isKerberos = false;
        while (depth < MaxDepth && Asn1Element.TryTake(ref rest, out Asn1Element element))
        {
            if (element.Is(UniversalTagNumber.OctetString))
            {
                Read(element.Content, depth + 1);
                return true;
            }

            isKerberos |= element.Is(UniversalTagNumber.ObjectIdentifier) && element.Content.SequenceEqual(KerberosOid);
            if (isKerberos && rest.Length > 2 && rest[0] == 1 && rest[1] == 0)
            {
                // RFC 4121 §4.1: two bytes of token kind stand before the AP-REQ.
                ReadApRequest(rest[2..]);
                return true;
            }

            if (element.Tag.IsConstructed)
            {
                ReadNested(element.Content, depth + 1);
            }
        }

        return false;
    }

    private void ReadApRequest(ReadOnlySpan<byte> rest)
    {
        if (!Asn1Element.TryTake(ref rest, out Asn1Element request) || !request.IsApplication(14))
        {
            return;
        }

        rest = request.Content;
        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element members))
        {
            return;
        }

        rest = members.Content;
        while (Asn1Element.TryTake(ref rest, out Asn1Element member))
        {
            if (member.IsContext(3))
            {
                ReadTicket(member.Content);
                return;
            }
        }
    }

    private void ReadTicket(ReadOnlySpan<byte> rest)
    {
        if (!Asn1Element.TryTake(ref rest, out Asn1Element ticket) || !ticket.IsApplication(1))
        {
            return;
        }

        rest = ticket.Content;
        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element members))
        {
            return;
        }

        rest = members.Content;
        while (Asn1Element.TryTake(ref rest, out Asn1Element member))
        {
            ReadOnlySpan<byte> inner = member.Content;
            if (!Asn1Element.TryTake(ref inner, out Asn1Element value))
            {
                return;
            }

            if (member.IsContext(1))
            {
                Realm = SmbText.AppendBytes(Text, value.Content);
                HasKerberos = true;
            }
            else if (member.IsContext(2))
            {
                ReadPrincipal(value.Content);
            }
        }
    }

    private void ReadPrincipal(ReadOnlySpan<byte> rest)
    {
        while (Asn1Element.TryTake(ref rest, out Asn1Element member))
        {
            ReadOnlySpan<byte> inner = member.Content;
            if (!member.IsContext(1) || !Asn1Element.TryTake(ref inner, UniversalTagNumber.Sequence, out Asn1Element names))
            {
                continue;
            }

            inner = names.Content;
            while (ServiceNameCount < SmbLimits.MaxServiceNames && Asn1Element.TryTake(ref inner, out Asn1Element name))
            {
                _serviceNames[ServiceNameCount++] = SmbText.AppendBytes(Text, name.Content);
            }
        }
    }

    /// <summary>
    /// An AUTHENTICATE message (MS-NLMP §2.2.1.3). What Suricata takes for one, as observed: every field begins before the message's end, also an empty one, and the
    /// three names lie in it behind the header; of the two answers and the key only the beginning is looked at.
    /// </summary>
    private void ReadNtlm(ReadOnlySpan<byte> message)
    {
        const int headerBytes = 64;
        const int versionBytes = 8;
        const int firstField = 12;
        const int fieldBytes = 8;
        const int fields = 6;
        const int domainAt = 28;
        const int userAt = 36;
        const int hostAt = 44;
        const uint authenticate = 3;
        const uint hasUnicode = 0x1;
        const uint hasVersion = 0x0200_0000;
        if (message.Length < headerBytes || BinaryPrimitives.ReadUInt32LittleEndian(message[8..]) != authenticate)
        {
            return;
        }

        uint lowest = uint.MaxValue;
        for (int i = 0; i < fields; i++)
        {
            lowest = Math.Min(lowest, OffsetOf(message, firstField + (i * fieldBytes)));
            if (OffsetOf(message, firstField + (i * fieldBytes)) >= (uint)message.Length)
            {
                return;
            }
        }

        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(message[60..]);
        bool isUnicode = (flags & hasUnicode) != 0;
        if (!TryReadField(message, domainAt, isUnicode, out Slice domain) || !TryReadField(message, userAt, isUnicode, out Slice user)
            || !TryReadField(message, hostAt, isUnicode, out Slice host))
        {
            return;
        }

        HasNtlm = true;
        IsOutOfOrder = OffsetOf(message, domainAt) > OffsetOf(message, userAt) || OffsetOf(message, userAt) > OffsetOf(message, hostAt);
        Domain = domain;
        User = user;
        Host = host;
        if ((flags & hasVersion) != 0 && lowest >= headerBytes + versionBytes)
        {
            HasVersion = true;
            VersionMajor = message[64];
            VersionMinor = message[65];
            VersionBuild = BinaryPrimitives.ReadUInt16LittleEndian(message[66..]);
            VersionRevision = message[71];
        }

        bool TryReadField(ReadOnlySpan<byte> message, int at, bool isUnicode, out Slice text)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(message[at..]);
            uint offset = OffsetOf(message, at);
            text = Slice.None;
            if (offset < headerBytes || length > message.Length - (int)offset)
            {
                return false;
            }

            text = length == 0 ? Text.Append(ReadOnlySpan<byte>.Empty) : SmbText.Append(Text, message.Slice((int)offset, length), isUnicode);
            return true;
        }
    }

    /// <summary>Where in the message a field lies; its length and its room stand before.</summary>
    private static uint OffsetOf(ReadOnlySpan<byte> message, int field) => BinaryPrimitives.ReadUInt32LittleEndian(message[(field + 4)..]);
}
