namespace BridgeGuard.Engine.Protocols.Named;

/// <summary>Cuts a Telnet stream into commands (RFC 854, RFC 855) and lines of text.</summary>
/// <remarks>
/// A subnegotiation and the command that ends it are two frames. Text is cut at line feeds, but a server's before the
/// client has said anything at its login prompt, as Suricata does.
/// </remarks>
internal sealed class TelnetParser(TelnetProtocol protocol) : ProtocolState
{
    /// <summary>Text without an end, or a subnegotiation, is cut here: bounds what the stream must keep.</summary>
    private const int MaxElementBytes = 8 << 10;

    /// <summary>Lines a client sends before it is in: name and password.</summary>
    private const int LoginLines = 2;

    private const byte Iac = 255;
    private const byte SubnegotiationEnd = 240;
    private const byte Subnegotiation = 250;
    private const byte Will = 251;

    private int _clientLines;

    public override Protocol Protocol => protocol;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            bool isCommand = rest[0] == Iac && !(rest.Length > 1 && rest[1] == Iac);
            int length = isCommand ? CommandLength(rest) : TextLength(rest, context.Direction == Packets.Direction.ToServer);
            if (length == 0)
            {
                if (!context.IsEnd)
                {
                    return ParseResult.NeedMore(consumed, 0);
                }

                length = rest.Length;
            }

            context.OpenFrame(TelnetProtocol.PduFrame, consumed, length);
            context.OpenFrame(isCommand ? TelnetProtocol.CtlFrame : TelnetProtocol.DataFrame, consumed, length);
            consumed += length;
        }

        return ParseResult.Done(consumed);
    }

    /// <inheritdoc/>
    /// <remarks>There are no transactions.</remarks>
    public override void Release(Transaction transaction) => transaction.Reset();

    public override void Reset()
    {
        base.Reset();
        _clientLines = 0;
    }

    /// <summary>Bytes of the command at the start; 0: not all there.</summary>
    private static int CommandLength(ReadOnlySpan<byte> rest)
    {
        if (rest.Length < 2)
        {
            return 0;
        }

        if (rest[1] != Subnegotiation)
        {
            int length = rest[1] >= Will ? 3 : 2;
            return rest.Length < length ? 0 : length;
        }

        ReadOnlySpan<byte> end = [Iac, SubnegotiationEnd];
        int found = rest[2..].IndexOf(end);
        return found >= 0 ? found + 2 : rest.Length >= MaxElementBytes ? MaxElementBytes : 0;
    }

    private int TextLength(ReadOnlySpan<byte> rest, bool toServer)
    {
        int command = rest[1..].IndexOf(Iac);
        ReadOnlySpan<byte> text = command < 0 ? rest : rest[..(command + 1)];
        text = text[..Math.Min(text.Length, MaxElementBytes)];
        bool isCut = command >= 0 || text.Length == MaxElementBytes;
        int feed = text.IndexOf((byte)'\n');
        if (toServer)
        {
            _clientLines += feed >= 0 && _clientLines <= LoginLines ? 1 : 0;
            return feed >= 0 ? feed + 1 : isCut ? text.Length : 0;
        }

        if (_clientLines <= LoginLines)
        {
            // Until the client is in, all up to a prompt belongs together; between name and password even negotiation does.
            int prompt = rest[..Math.Min(rest.Length, MaxElementBytes)].IndexOf("login: "u8);
            if (prompt >= 0)
            {
                return prompt + "login: ".Length;
            }

            feed = -1;
            isCut &= _clientLines == 0 || text.Length == MaxElementBytes;
        }

        return feed >= 0 ? feed + 1 : isCut ? text.Length : 0;
    }
}
