using System.Text;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Named;

/// <summary>Follows an IMAP flow to where TLS begins: STARTTLS (RFC 3501 and RFC 9051, §6.2.1), the server's OK to it, and then the first TLS record.</summary>
/// <remarks>
/// <para>Reads lines of both sides; nothing is logged or reported, and nothing of them is kept but their first bytes. Skipped on purpose: literals (§4.3). What stands in one may be taken
/// for a command, but no line of IMAP begins as a TLS record does, and only that makes the change.</para>
/// <para>Commands behind STARTTLS in the clear, which a server may take for sent under TLS (CVE-2011-0411), are lines like others: rules on the stream have them, and the record
/// behind them is found all the same.</para>
/// <para>Owned by its flow, pooled by the application layer of one worker. The same bytes give the same result however they are cut.</para>
/// </remarks>
internal sealed class ImapStartTls
{
    /// <summary>Of both sides together, in bytes: greeting, capabilities and some refused commands take a few thousand. Who has said so much and is not in never begins TLS.</summary>
    internal const int MaxBytes = 256 << 10;

    /// <summary>Clients use a letter and a few digits; a longer tag is not followed.</summary>
    internal const int MaxTagBytes = 64;

    /// <summary>Commands STARTTLS that may wait for their answer; one more takes the oldest one's place.</summary>
    internal const int MaxWaiting = 4;

    /// <summary>Behind the tag: the longest command word, and some blanks.</summary>
    private const int MaxWordBytes = 32;

    private readonly byte[] _tags = new byte[MaxWaiting * MaxTagBytes];
    private readonly int[] _tagBytes = new int[MaxWaiting];
    private readonly byte[] _loginTag = new byte[MaxTagBytes];
    private LineStart _client = new(MaxTagBytes + MaxWordBytes);
    private LineStart _server = new(MaxTagBytes + MaxWordBytes);
    private int _loginTagBytes;
    private int _next;
    private int _bytes;

    /// <summary>The server has agreed: what follows is TLS. What was said in the clear is to be inspected as IMAP now.</summary>
    public bool IsGranted { get; private set; }

    /// <summary>The server has agreed, and the first byte that was not taken begins a TLS record.</summary>
    public bool IsTls { get; private set; }

    /// <summary>No TLS comes any more: the client is in without it, or too much was said.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Takes bytes of one direction in their order.</summary>
    /// <returns>How many were taken: fewer than given where TLS begins (<see cref="IsTls"/>) or may begin, which the next bytes tell.</returns>
    public int Take(Direction direction, ReadOnlySpan<byte> data)
    {
        bool toServer = direction == Direction.ToServer;
        ref LineStart line = ref toServer ? ref _client : ref _server;
        int taken = 0;
        while (taken < data.Length && !IsOver)
        {
            ReadOnlySpan<byte> rest = data[taken..];
            if (IsGranted && line.IsAtStart)
            {
                ProbeStatus status = BeginsTls(rest, toServer);
                if (status != ProbeStatus.NotMine)
                {
                    IsTls = status == ProbeStatus.Certain;
                    return taken;
                }
            }

            rest = rest[..Math.Min(rest.Length, MaxBytes - _bytes)];
            int feed = rest.IndexOf((byte)'\n');
            line.Append(feed < 0 ? rest : rest[..feed]);
            int length = feed < 0 ? rest.Length : feed + 1;
            taken += length;
            _bytes += length;
            if (feed >= 0)
            {
                if (toServer)
                {
                    TakeCommand(line.Text, line.IsCut);
                }
                else
                {
                    TakeAnswer(line.Text);
                }

                line.Clear();
            }

            IsOver |= _bytes == MaxBytes;
        }

        return data.Length;
    }

    /// <summary>Bytes of a direction are lost: whatever waited may have been answered.</summary>
    public void OnGap(Direction direction)
    {
        (direction == Direction.ToServer ? ref _client : ref _server).SkipLine();
        ForgetTags();
    }

    public void Reset()
    {
        _client.Clear();
        _server.Clear();
        ForgetTags();
        _next = _bytes = 0;
        IsGranted = IsTls = IsOver = false;
    }

    /// <summary>A record of a handshake, or of the server an alert (RFC 8446 §5.1), or the client's hello in the form of SSL 2 (RFC 5246 §E.2): no line of IMAP begins so.</summary>
    /// <remarks>Unsure until all is there that detection of TLS goes by, so that it need not wait, which is told as no TLS behind STARTTLS.</remarks>
    private static ProbeStatus BeginsTls(ReadOnlySpan<byte> data, bool toServer)
    {
        const byte Alert = 21;
        const byte Handshake = 22;
        const byte LengthFlag = 0x80;
        const byte ClientHello = 1;
        const byte MaxMinor = 4;
        if (toServer && data[0] >= LengthFlag)
        {
            // Behind two bytes of length: the message and the version that is offered.
            return data.Length < 5 ? (data.Length < 3 || data[2] == ClientHello ? ProbeStatus.Unsure : ProbeStatus.NotMine)
                : data[2] == ClientHello && data[3] == 3 && data[4] <= MaxMinor ? ProbeStatus.Certain : ProbeStatus.NotMine;
        }

        if (data[0] != Handshake && (toServer || data[0] != Alert))
        {
            return ProbeStatus.NotMine;
        }

        return data.Length < 3 ? (data.Length < 2 || data[1] == 3 ? ProbeStatus.Unsure : ProbeStatus.NotMine)
            : data[1] == 3 && data[2] <= MaxMinor ? ProbeStatus.Certain : ProbeStatus.NotMine;
    }

    private static ReadOnlySpan<byte> Word(ReadOnlySpan<byte> text)
    {
        int end = text.IndexOf((byte)' ');
        return end < 0 ? text : text[..end];
    }

    private static bool Answers(ReadOnlySpan<byte> line, ReadOnlySpan<byte> tag) =>
        !tag.IsEmpty && line.Length > tag.Length && line[tag.Length] == (byte)' ' && line.StartsWith(tag);

    private void TakeCommand(ReadOnlySpan<byte> line, bool isCut)
    {
        ReadOnlySpan<byte> tag = Word(line);
        if (tag.IsEmpty || tag.Length > MaxTagBytes || tag.Length == line.Length)
        {
            return;
        }

        ReadOnlySpan<byte> command = line[tag.Length..].Trim((byte)' ');
        if (Ascii.EqualsIgnoreCase(command, "STARTTLS"u8) && !isCut)
        {
            tag.CopyTo(_tags.AsSpan(_next * MaxTagBytes));
            _tagBytes[_next] = tag.Length;
            _next = (_next + 1) % MaxWaiting;
        }
        else if (Ascii.EqualsIgnoreCase(Word(command), "LOGIN"u8) || Ascii.EqualsIgnoreCase(Word(command), "AUTHENTICATE"u8))
        {
            tag.CopyTo(_loginTag);
            _loginTagBytes = tag.Length;
        }
    }

    private void TakeAnswer(ReadOnlySpan<byte> line)
    {
        ReadOnlySpan<byte> tag = Word(line);
        bool isOk = tag.Length < line.Length && Ascii.EqualsIgnoreCase(Word(line[(tag.Length + 1)..]), "OK"u8);
        for (int i = 0; i < MaxWaiting; i++)
        {
            if (Answers(line, _tags.AsSpan(i * MaxTagBytes, _tagBytes[i])))
            {
                _tagBytes[i] = 0;
                IsGranted |= isOk;
            }
        }

        if (Answers(line, _loginTag.AsSpan(0, _loginTagBytes)))
        {
            // Who is in may not ask for TLS any more (§6.2.1).
            _loginTagBytes = 0;
            IsOver |= isOk && !IsGranted;
        }
    }

    private void ForgetTags()
    {
        Array.Clear(_tagBytes);
        _loginTagBytes = 0;
    }

    /// <summary>The first bytes of the line that one direction is in.</summary>
    private struct LineStart(int maxBytes)
    {
        private readonly byte[] _text = new byte[maxBytes];
        private int _length;
        private bool _isSkipped;

        /// <summary>The line was longer than what is kept.</summary>
        public bool IsCut { get; private set; }

        public readonly bool IsAtStart => _length == 0 && !_isSkipped;

        /// <summary>Without its end; empty where its beginning was lost.</summary>
        public readonly ReadOnlySpan<byte> Text => _isSkipped ? [] : _text.AsSpan(0, _length).TrimEnd((byte)'\r');

        public void Append(ReadOnlySpan<byte> bytes)
        {
            int kept = Math.Min(bytes.Length, _text.Length - _length);
            bytes[..kept].CopyTo(_text.AsSpan(_length));
            _length += kept;
            IsCut |= kept < bytes.Length;
        }

        public void SkipLine() => _isSkipped = true;

        public void Clear()
        {
            _length = 0;
            _isSkipped = IsCut = false;
        }
    }
}
