using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Events;

/// <summary>Writes one EVE record at a time into a reused buffer. One per worker; no allocation once the buffer has grown.</summary>
/// <remarks>
/// A thin layer over <see cref="Utf8JsonWriter"/> that knows EVE's habits: property names in ASCII, wire bytes that need not be UTF-8, addresses,
/// timestamps. A record above <see cref="MaxRecordBytes"/> is cut by its authors, not here.
/// </remarks>
public sealed class EveWriter : IDisposable
{
    /// <summary>Longest record the rings carry.</summary>
    public const int MaxRecordBytes = 1 << 20;

    /// <summary>Room for the note on missing bytes.</summary>
    private const int MaxNoteBytes = 48;

    private readonly ArrayBufferWriter<byte> _buffer = new(16 << 10);
    private readonly Utf8JsonWriter _json;
    private byte[] _scratch = new byte[4096];

    public EveWriter() => _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions
    {
        // Relaxed: EVE consumers expect < > & ' + as they are.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
        Indented = false,
    });

    /// <summary>The options of the configured type that the open record is for (<c>extended</c>, <c>custom</c> …); read by protocol loggers.</summary>
    public ProtocolSettings Options { get; set; } = ProtocolSettings.Empty;

    /// <summary>Bytes of the record so far (flushed ones).</summary>
    public int Length => _buffer.WrittenCount + (int)_json.BytesPending;

    /// <summary>Begins a record: its opening brace is written.</summary>
    public void Begin()
    {
        _buffer.ResetWrittenCount();
        _json.Reset(_buffer);
        _json.WriteStartObject();
    }

    /// <summary>Ends the record; the bytes are valid until the next <see cref="Begin"/>.</summary>
    public ReadOnlySpan<byte> End()
    {
        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenSpan;
    }

    public void StartObject(ReadOnlySpan<byte> name) => _json.WriteStartObject(name);

    public void StartObject() => _json.WriteStartObject();

    public void EndObject() => _json.WriteEndObject();

    public void StartArray(ReadOnlySpan<byte> name) => _json.WriteStartArray(name);

    public void StartArray(string name) => _json.WriteStartArray(name);

    public void EndArray() => _json.WriteEndArray();

    public void Name(ReadOnlySpan<byte> name) => _json.WritePropertyName(name);

    public void Number(ReadOnlySpan<byte> name, long value) => _json.WriteNumber(name, value);

    public void Number(ReadOnlySpan<byte> name, ulong value) => _json.WriteNumber(name, value);

    public void Number(ReadOnlySpan<byte> name, double value) => _json.WriteNumber(name, value);

    public void Null(ReadOnlySpan<byte> name) => _json.WriteNull(name);

    public void NumberValue(long value) => _json.WriteNumberValue(value);

    public void NumberValue(ulong value) => _json.WriteNumberValue(value);

    public void Number(string name, double value) => _json.WriteNumber(name, value);

    public void Number(string name, long value) => _json.WriteNumber(name, value);

    public void Bool(ReadOnlySpan<byte> name, bool value) => _json.WriteBoolean(name, value);

    public void BoolValue(bool value) => _json.WriteBooleanValue(value);

    /// <summary>Text that is known to be valid UTF-8 (our own constants).</summary>
    public void Text(ReadOnlySpan<byte> name, ReadOnlySpan<byte> utf8) => _json.WriteString(name, utf8);

    public void Text(ReadOnlySpan<byte> name, string text) => _json.WriteString(name, text);

    public void TextValue(ReadOnlySpan<byte> utf8) => _json.WriteStringValue(utf8);

    public void TextValue(ReadOnlySpan<char> text) => _json.WriteStringValue(text);

    public void TextValue(string text) => _json.WriteStringValue(text);

    /// <summary>Bytes off the wire: as they are when they are UTF-8, else each byte above 127 as <c>\xHH</c>.</summary>
    public void Bytes(ReadOnlySpan<byte> name, ReadOnlySpan<byte> wire)
    {
        _json.WritePropertyName(name);
        BytesValue(wire);
    }

    public void BytesValue(ReadOnlySpan<byte> wire)
    {
        if (Utf8.IsValid(wire))
        {
            _json.WriteStringValue(wire);
            return;
        }

        Span<byte> text = Scratch(wire.Length * 4);
        _json.WriteStringValue(text[..Escape(wire, text)]);
    }

    /// <summary>Wire text: what is not UTF-8 becomes U+FFFD.</summary>
    public void LossyText(ReadOnlySpan<byte> name, ReadOnlySpan<byte> wire) => _json.WriteString(name, wire);

    /// <summary>As <see cref="LossyText"/>, at most <paramref name="limit"/> bytes of it with a note on how many are missing.</summary>
    public void LimitedText(ReadOnlySpan<byte> name, ReadOnlySpan<byte> wire, int limit)
    {
        if (wire.Length <= limit)
        {
            LossyText(name, wire);
            return;
        }

        while (limit > 0 && (wire[limit] & 0xc0) == 0x80)
        {
            limit--;
        }

        _json.WriteString(name, Shorten(wire, limit));
    }

    /// <summary>As <see cref="Bytes"/>, at most <paramref name="limit"/> bytes of it with a note on how many are missing.</summary>
    public void LimitedBytes(ReadOnlySpan<byte> name, ReadOnlySpan<byte> wire, int limit)
    {
        if (wire.Length <= limit)
        {
            Bytes(name, wire);
            return;
        }

        if (Utf8.IsValid(wire[..limit]))
        {
            _json.WriteString(name, Shorten(wire, limit));
            return;
        }

        Span<byte> text = Scratch((limit * 4) + MaxNoteBytes);
        int length = Escape(wire[..limit], text);
        length += WriteNote(text[length..], wire.Length - limit);
        _json.WriteString(name, text[..length]);
    }

    /// <summary>As <see cref="Printable(ReadOnlySpan{byte}, ReadOnlySpan{byte})"/>, under a name from a rule.</summary>
    public void Printable(string name, ReadOnlySpan<byte> wire)
    {
        Span<byte> text = Scratch(wire.Length);
        MakePrintable(wire, text);
        _json.WriteString(name, text[..wire.Length]);
    }

    /// <summary>Printable ASCII as it is, CR and LF kept, every other byte a dot: <c>payload_printable</c>.</summary>
    public void Printable(ReadOnlySpan<byte> name, ReadOnlySpan<byte> wire)
    {
        Span<byte> text = Scratch(wire.Length);
        MakePrintable(wire, text);
        _json.WriteString(name, text[..wire.Length]);
    }

    public void Base64Value(ReadOnlySpan<byte> wire) => _json.WriteBase64StringValue(wire);

    public void Base64(ReadOnlySpan<byte> name, ReadOnlySpan<byte> wire) => _json.WriteBase64String(name, wire);

    /// <summary>Lower-case hexadecimal, with an optional separator between the bytes.</summary>
    public void HexText(ReadOnlySpan<byte> name, ReadOnlySpan<byte> wire, byte separator = 0)
    {
        Span<byte> text = Scratch(wire.Length * 3);
        int length = 0;
        for (int i = 0; i < wire.Length; i++)
        {
            if (i != 0 && separator != 0)
            {
                text[length++] = separator;
            }

            text[length++] = Hex(wire[i] >> 4);
            text[length++] = Hex(wire[i] & 0xf);
        }

        _json.WriteString(name, text[..length]);
    }

    public void Address(ReadOnlySpan<byte> name, IpAddress address, bool asV4)
    {
        Span<byte> text = stackalloc byte[46];
        _json.WriteString(name, text[..address.Format(text, asV4)]);
    }

    /// <summary><c>2026-11-22T20:01:02.123456+0000</c>: exactly this form, consumers index into it.</summary>
    public void Timestamp(ReadOnlySpan<byte> name, long timeUs)
    {
        Span<byte> text = stackalloc byte[31];
        FormatTimestamp(timeUs, text);
        _json.WriteString(name, text);
    }

    /// <summary>Writes the 31 bytes of an EVE timestamp.</summary>
    public static void FormatTimestamp(long timeUs, Span<byte> text)
    {
        long seconds = Math.DivRem(timeUs, 1_000_000, out long micros);
        if (micros < 0)
        {
            micros += 1_000_000;
            seconds--;
        }

        DateTime time = DateTime.UnixEpoch.AddTicks(Math.Clamp(seconds, -62_135_596_800, 253_402_300_799) * TimeSpan.TicksPerSecond);
        Digits(text, 0, 4, time.Year);
        text[4] = (byte)'-';
        Digits(text, 5, 2, time.Month);
        text[7] = (byte)'-';
        Digits(text, 8, 2, time.Day);
        text[10] = (byte)'T';
        Digits(text, 11, 2, time.Hour);
        text[13] = (byte)':';
        Digits(text, 14, 2, time.Minute);
        text[16] = (byte)':';
        Digits(text, 17, 2, time.Second);
        text[19] = (byte)'.';
        Digits(text, 20, 6, (int)micros);
        "+0000"u8.CopyTo(text[26..]);
    }

    /// <summary>A JSON value made elsewhere (a dataset's context).</summary>
    public void Raw(ReadOnlySpan<byte> name, ReadOnlySpan<byte> json)
    {
        _json.WritePropertyName(name);
        _json.WriteRawValue(json, skipInputValidation: true);
    }

    public void Dispose() => _json.Dispose();

    /// <summary>Text put together by <paramref name="format"/> from a value: small formatted strings without allocation.</summary>
    public void Formatted<T>(ReadOnlySpan<byte> name, T value, ReadOnlySpan<char> format)
        where T : IUtf8SpanFormattable
    {
        Span<byte> text = stackalloc byte[128];
        value.TryFormat(text, out int written, format, CultureInfo.InvariantCulture);
        _json.WriteString(name, text[..written]);
    }

    private static void Digits(Span<byte> text, int at, int count, int value)
    {
        for (int i = at + count - 1; i >= at; i--)
        {
            text[i] = (byte)('0' + (value % 10));
            value /= 10;
        }
    }

    private static void MakePrintable(ReadOnlySpan<byte> wire, Span<byte> text)
    {
        for (int i = 0; i < wire.Length; i++)
        {
            byte value = wire[i];
            text[i] = value is (>= 0x20 and < 0x7f) or (byte)'\r' or (byte)'\n' ? value : (byte)'.';
        }
    }

    private static byte Hex(int nibble) => "0123456789abcdef"u8[nibble];

    /// <summary>Each byte above 127 as <c>\xHH</c>; returns the length.</summary>
    private static int Escape(ReadOnlySpan<byte> wire, Span<byte> text)
    {
        int length = 0;
        foreach (byte value in wire)
        {
            if (value < 0x80)
            {
                text[length++] = value;
                continue;
            }

            text[length++] = (byte)'\\';
            text[length++] = (byte)'x';
            text[length++] = Hex(value >> 4);
            text[length++] = Hex(value & 0xf);
        }

        return length;
    }

    private ReadOnlySpan<byte> Shorten(ReadOnlySpan<byte> wire, int limit)
    {
        Span<byte> text = Scratch(limit + MaxNoteBytes);
        wire[..limit].CopyTo(text);
        return text[..(limit + WriteNote(text[limit..], wire.Length - limit))];
    }

    /// <summary><c>[truncated 5 additional bytes]</c>; returns its length.</summary>
    private static int WriteNote(Span<byte> text, int missing)
    {
        "[truncated "u8.CopyTo(text);
        missing.TryFormat(text[11..], out int digits, default, CultureInfo.InvariantCulture);
        ReadOnlySpan<byte> rest = missing == 1 ? " additional byte]"u8 : " additional bytes]"u8;
        rest.CopyTo(text[(11 + digits)..]);
        return 11 + digits + rest.Length;
    }

    private Span<byte> Scratch(int length)
    {
        if (_scratch.Length < length)
        {
            _scratch = new byte[Math.Max(length, _scratch.Length * 2)];
        }

        return _scratch;
    }
}
