namespace BridgeGuard.Engine.Protocols.Named;

/// <summary>Cuts a Telnet stream into commands (RFC 854, RFC 855) and lines of text.</summary>
/// <remarks>
/// A subnegotiation and the command that ends it are two frames. Text is cut at line feeds; a login prompt, which has none, ends at its blank.
/// </remarks>
internal sealed class TelnetParser(TelnetProtocol protocol) : ProtocolState
{
    /// <summary>Text without an end, or a subnegotiation, is cut here: bounds what the stream must keep.</summary>
    private const int MaxElementBytes = 8 << 10;

    private const byte Iac = 255;
    private const byte SubnegotiationEnd = 240;
    private const byte Subnegotiation = 250;
    private const byte Will = 251;

    public override Protocol Protocol => protocol;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            bool isCommand = rest[0] == Iac && !(rest.Length > 1 && rest[1] == Iac);
            int length = isCommand ? CommandLength(rest) : TextLength(rest);
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

    private static int TextLength(ReadOnlySpan<byte> rest)
    {
        int command = rest[1..].IndexOf(Iac);
        ReadOnlySpan<byte> text = command < 0 ? rest : rest[..(command + 1)];
        text = text[..Math.Min(text.Length, MaxElementBytes)];
        int prompt = text.IndexOf("login: "u8);
        if (prompt >= 0)
        {
            return prompt + "login: ".Length;
        }

        int feed = text.IndexOf((byte)'\n');
        return feed >= 0 ? feed + 1 : command >= 0 || text.Length == MaxElementBytes ? text.Length : 0;
    }
}
