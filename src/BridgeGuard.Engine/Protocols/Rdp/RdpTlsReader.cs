using System.Buffers.Binary;
using System.Formats.Asn1;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Rdp;

/// <summary>Takes the serial numbers out of a server's TLS Certificate message (RFC 5246 §7.4.2). In TLS 1.3 it is encrypted and none is found.</summary>
internal sealed class RdpTlsReader
{
    private const int RecordHeaderBytes = 5;
    private const int MaxRecordBytes = (1 << 14) + 2048;
    private const byte Handshake = 22;
    private const byte Certificate = 11;

    /// <summary>Handshake messages put together from their records, the current one in front.</summary>
    private readonly ByteBuffer _messages = new();

    /// <summary>The Certificate message lies whole in front.</summary>
    public bool HasCertificates { get; private set; }

    /// <summary>Reads one record.</summary>
    /// <param name="rest">From the record's header on.</param>
    /// <param name="isOver">Nothing more can be found.</param>
    /// <returns>Bytes used; negative: so many are needed.</returns>
    public int ReadRecord(ReadOnlySpan<byte> rest, out bool isOver)
    {
        isOver = false;
        if (rest.Length < RecordHeaderBytes)
        {
            return -RecordHeaderBytes;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(rest[3..]);
        if (rest[0] != Handshake || length > MaxRecordBytes || _messages.Length + length > RdpLimits.MaxTlsBytes)
        {
            isOver = true;
            return rest.Length;
        }

        int total = RecordHeaderBytes + length;
        if (rest.Length < total)
        {
            return -total;
        }

        _messages.Append(rest[RecordHeaderBytes..total]);
        FindCertificates();
        isOver = HasCertificates;
        return total;
    }

    public void CopySerials(RdpTransaction transaction)
    {
        // Type, length, length of the list; then each certificate with its length.
        ReadOnlySpan<byte> list = _messages.Span[7..(4 + Length24(_messages.Span[1..]))];
        while (list.Length > 3 && Length24(list) <= list.Length - 3)
        {
            int length = Length24(list);
            ReadOnlySpan<byte> der = list.Slice(3, length);
            list = list[(3 + length)..];
            if (Asn1Element.TryTake(ref der, UniversalTagNumber.Sequence, out Asn1Element certificate))
            {
                ReadOnlySpan<byte> inner = certificate.Content;
                if (Asn1Element.TryTake(ref inner, UniversalTagNumber.Sequence, out Asn1Element toBeSigned))
                {
                    ReadOnlySpan<byte> fields = toBeSigned.Content;
                    Asn1Element.TryTakeContext(ref fields, 0, out _);
                    if (Asn1Element.TryTake(ref fields, UniversalTagNumber.Integer, out Asn1Element serial))
                    {
                        transaction.AddSerial(serial.Content);
                    }
                }
            }
        }
    }

    public void Reset()
    {
        _messages.Reset();
        HasCertificates = false;
    }

    private static int Length24(ReadOnlySpan<byte> bytes) => (bytes[0] << 16) | (bytes[1] << 8) | bytes[2];

    private void FindCertificates()
    {
        while (_messages.Length >= 4)
        {
            int total = 4 + Length24(_messages.Span[1..]);
            if (_messages.Length < total)
            {
                return;
            }

            if (_messages.Span[0] == Certificate)
            {
                HasCertificates = total >= 7;
                return;
            }

            _messages.RemoveFront(total);
        }
    }
}
