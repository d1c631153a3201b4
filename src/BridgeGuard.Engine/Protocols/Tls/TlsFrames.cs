using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>Frames of TLS: the pieces of each record.</summary>
internal static class TlsFrames
{
    public static readonly string[] Names = ["pdu", "hdr", "data", "alert", "heartbeat", "ssl2.hdr", "ssl2.pdu"];

    /// <summary>A whole record.</summary>
    public const int Pdu = 0;

    /// <summary>Its five bytes of header.</summary>
    public const int Header = 1;

    /// <summary>What follows the header.</summary>
    public const int Data = 2;

    /// <summary>The same where the record is an alert.</summary>
    public const int Alert = 3;

    /// <summary>The same where the record is a heartbeat (RFC 6520).</summary>
    public const int Heartbeat = 4;

    /// <summary>The first bytes of an SSLv2 record: length and message type.</summary>
    public const int Sslv2Header = 5;

    /// <summary>A whole SSLv2 record.</summary>
    public const int Sslv2Pdu = 6;
}

/// <summary>Finds the records of one direction for frames, also where the parser itself no longer reads.</summary>
internal sealed class TlsFrameWalker
{
    private const int RecordHeaderBytes = 5;
    private const int Sslv2HeaderBytes = 3;

    private readonly byte[] _header = new byte[RecordHeaderBytes];
    private int _held;
    private long _next = -1;
    private int _length;
    private bool _isLost;

    /// <summary>The input goes on within a record that is taken as it comes: Suricata opens its data anew there, with the length of the whole.</summary>
    public void Continue(in ParseContext context)
    {
        if (!_isLost && _next > context.StreamOffset)
        {
            context.OpenFrame(TlsFrames.Data, 0, _length);
        }
    }

    /// <summary>Opens the frames of every record whose header is in the input. The input may begin with bytes that were there before.</summary>
    public void Walk(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (_next < 0)
        {
            _next = context.StreamOffset;
        }

        while (!_isLost)
        {
            long at = _next + _held - context.StreamOffset;
            if (at < 0 || at >= input.Length)
            {
                // Before the input: bytes were lost and the records cannot be found again.
                _isLost |= at < 0;
                return;
            }

            int taken = Math.Min(RecordHeaderBytes - _held, input.Length - (int)at);
            input.Slice((int)at, taken).CopyTo(_header.AsSpan(_held));
            _held += taken;
            bool isSslv2 = _held >= Sslv2HeaderBytes && (_header[0] & 0x80) != 0;
            if (_held < RecordHeaderBytes && !isSslv2)
            {
                return;
            }

            int start = (int)(_next - context.StreamOffset);
            _held = 0;
            if (isSslv2)
            {
                OpenSslv2(start, in context);
            }
            else
            {
                OpenRecord(start, in context);
            }
        }
    }

    public void Reset()
    {
        _held = 0;
        _next = -1;
        _length = 0;
        _isLost = false;
    }

    private void OpenSslv2(int at, in ParseContext context)
    {
        int length = 2 + (((_header[0] & 0x7f) << 8) | _header[1]);
        context.OpenFrame(TlsFrames.Sslv2Header, at, Sslv2HeaderBytes);
        context.OpenFrame(TlsFrames.Sslv2Pdu, at, length);
        _next += length;
    }

    private void OpenRecord(int at, in ParseContext context)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(3));
        if (_header[0] is < TlsTables.ChangeCipherSpec or > TlsTables.Heartbeat)
        {
            _isLost = true;
            return;
        }

        _length = length;
        context.OpenFrame(TlsFrames.Header, at, RecordHeaderBytes);
        context.OpenFrame(TlsFrames.Pdu, at, RecordHeaderBytes + length);
        context.OpenFrame(TlsFrames.Data, at + RecordHeaderBytes, length);
        switch (_header[0])
        {
            case TlsTables.Alert:
                context.OpenFrame(TlsFrames.Alert, at + RecordHeaderBytes, length);
                break;
            case TlsTables.Heartbeat:
                context.OpenFrame(TlsFrames.Heartbeat, at + RecordHeaderBytes, length);
                break;
        }

        _next += RecordHeaderBytes + length;
    }
}
