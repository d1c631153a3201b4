using System.Buffers.Binary;
using System.Formats.Asn1;
using System.Text.Unicode;

namespace BridgeGuard.Engine.Protocols.Rdp;

/// <summary>The messages of the connection sequence. Each method gets a message from its X.224 header on and is false when it is another one.</summary>
internal static class RdpMessages
{
    /// <summary>Length, code, two references and a class (X.224 §13.3).</summary>
    private const int ConnectionHeaderBytes = 7;
    private const int NegotiationBytes = 8;
    private const byte NegotiationResponse = 2;
    private const byte NegotiationFailure = 3;
    private const int ConnectInitialTag = 101;
    private const int ConnectResponseTag = 102;
    private const int DataHeaderBytes = 3;
    private const int BlockHeaderBytes = 4;
    private const ushort CoreBlock = 0xc001;
    private const ushort NetworkBlock = 0xc003;
    private const int ChannelBytes = 12;
    private const int ChannelNameBytes = 8;

    /// <summary>MS-RDPBCGR §2.2.1.1: an optional routing token or cookie, then an optional negotiation request, which is not read.</summary>
    public static bool ReadConnectionRequest(ReadOnlySpan<byte> message, RdpTransaction transaction)
    {
        transaction.Kind = RdpKind.InitialRequest;
        if (message.Length < ConnectionHeaderBytes)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = message[ConnectionHeaderBytes..];
        if (rest.StartsWith("Cookie: "u8))
        {
            int end = rest.IndexOf("\r\n"u8);
            if (end < 0)
            {
                return false;
            }

            ReadOnlySpan<byte> line = rest["Cookie: "u8.Length..end];
            ReadOnlySpan<byte> name = "mstshash="u8;
            if (line.StartsWith(name) && Utf8.IsValid(line))
            {
                transaction.SetCookie(line[name.Length..]);
            }
        }

        return true;
    }

    /// <summary>MS-RDPBCGR §2.2.1.2: an optional negotiation response or failure.</summary>
    public static bool ReadConnectionConfirm(ReadOnlySpan<byte> message, RdpTransaction transaction)
    {
        transaction.Kind = RdpKind.InitialResponse;
        if (message.Length < ConnectionHeaderBytes)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = message[ConnectionHeaderBytes..];
        if (rest.Length >= NegotiationBytes && rest[0] is NegotiationResponse or NegotiationFailure && rest[2] == NegotiationBytes)
        {
            transaction.IsNegotiated = rest[0] == NegotiationResponse;
            transaction.IsRefused = rest[0] == NegotiationFailure;
            transaction.NegotiationFlags = rest[1];
            transaction.NegotiationValue = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
        }

        return true;
    }

    /// <summary>MS-RDPBCGR §2.2.1.3: T.125 Connect-Initial whose user data holds the client's blocks.</summary>
    public static bool ReadConnectInitial(ReadOnlySpan<byte> message, RdpTransaction transaction)
    {
        transaction.Kind = RdpKind.ConnectRequest;
        ReadOnlySpan<byte> rest = message[DataHeaderBytes..];
        if (!Asn1Element.TryTake(ref rest, out Asn1Element initial) || !initial.IsApplication(ConnectInitialTag))
        {
            return false;
        }

        // Two domain selectors, a flag, three sets of domain parameters, then the user data.
        ReadOnlySpan<byte> members = initial.Content;
        for (int i = 0; i < 6; i++)
        {
            if (!Asn1Element.TryTake(ref members, out _))
            {
                return false;
            }
        }

        if (!Asn1Element.TryTake(ref members, UniversalTagNumber.OctetString, out Asn1Element userData))
        {
            return false;
        }

        // T.124 in packed encoding: fixed bytes up to the key, then a length of one or two bytes.
        ReadOnlySpan<byte> conference = userData.Content;
        int key = conference.IndexOf("Duca"u8);
        if (key < 0 || conference.Length < key + 6)
        {
            return false;
        }

        int at = key + 4 + ((conference[key + 4] & 0x80) != 0 ? 2 : 1);
        ReadBlocks(conference[at..], transaction);
        return true;
    }

    public static bool ReadConnectResponse(ReadOnlySpan<byte> message, RdpTransaction transaction)
    {
        transaction.Kind = RdpKind.ConnectResponse;
        ReadOnlySpan<byte> rest = message[DataHeaderBytes..];
        return Asn1Element.TryReadHeader(rest, out Asn1Tag tag, out _, out _)
            && tag.TagClass == TagClass.Application && tag.TagValue == ConnectResponseTag;
    }

    private static void ReadBlocks(ReadOnlySpan<byte> rest, RdpTransaction transaction)
    {
        while (rest.Length >= BlockHeaderBytes)
        {
            ushort type = BinaryPrimitives.ReadUInt16LittleEndian(rest);
            int length = BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]);
            if (length < BlockHeaderBytes || length > rest.Length)
            {
                return;
            }

            ReadOnlySpan<byte> data = rest[BlockHeaderBytes..length];
            if (type == CoreBlock && data.Length >= RdpTransaction.MinimumCoreBytes)
            {
                transaction.SetCore(data);
            }
            else if (type == NetworkBlock && data.Length >= 4)
            {
                ReadChannels(data, transaction);
            }

            rest = rest[length..];
        }
    }

    /// <summary>MS-RDPBCGR §2.2.1.3.4: a count, then names of eight bytes with options.</summary>
    private static void ReadChannels(ReadOnlySpan<byte> data, RdpTransaction transaction)
    {
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(data);
        data = data[4..];
        for (uint i = 0; i < count && data.Length >= ChannelBytes; i++)
        {
            ReadOnlySpan<byte> name = data[..ChannelNameBytes];
            int end = name.IndexOf((byte)0);
            transaction.AddChannel(end < 0 ? name : name[..end]);
            data = data[ChannelBytes..];
        }
    }
}
