using System.Text;

namespace BridgeGuard.Engine.Protocols.Irc;

/// <summary>One message, viewed in place: <c>@tags :prefix COMMAND parameters :the last one</c>.</summary>
/// <remarks>Errors: <see cref="TryRead"/> is false when there is no command of letters or three digits. Lifetime: the line's.</remarks>
internal ref struct IrcLine
{
    private ReadOnlySpan<byte> _rest;

    public ReadOnlySpan<byte> Prefix { get; private set; }

    public ReadOnlySpan<byte> Command { get; private set; }

    public static bool TryRead(ReadOnlySpan<byte> line, out IrcLine message)
    {
        message = default;
        if (line.StartsWith("@"u8))
        {
            TakeWord(ref line);
            line = line.TrimStart((byte)' ');
        }

        if (line.StartsWith(":"u8))
        {
            message.Prefix = TakeWord(ref line)[1..];
        }

        message.Command = TakeWord(ref line);
        message._rest = line;
        return IsNumeric(message.Command)
            || (!message.Command.IsEmpty && message.Command.Length <= IrcLimits.MaxCommandBytes
                && message.Command.IndexOfAnyExceptInRange((byte)'A', (byte)'z') < 0);
    }

    public static bool IsNumeric(ReadOnlySpan<byte> command) => command.Length == 3 && command.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0;

    public readonly bool Is(ReadOnlySpan<byte> command) => Command.Length == command.Length && Ascii.EqualsIgnoreCase(Command, command);

    /// <summary>Takes the next parameter; false: there is none.</summary>
    public bool TryParameter(out ReadOnlySpan<byte> parameter)
    {
        _rest = _rest.TrimStart((byte)' ');
        parameter = default;
        if (_rest.IsEmpty)
        {
            return false;
        }

        if (_rest[0] == (byte)':')
        {
            parameter = _rest[1..];
            _rest = default;
            return true;
        }

        parameter = TakeWord(ref _rest);
        return true;
    }

    /// <summary>How many parameters there are, up to <paramref name="most"/>.</summary>
    public readonly int Count(int most)
    {
        IrcLine copy = this;
        int count = 0;
        while (count < most && copy.TryParameter(out _))
        {
            count++;
        }

        return count;
    }

    private static ReadOnlySpan<byte> TakeWord(scoped ref ReadOnlySpan<byte> line)
    {
        line = line.TrimStart((byte)' ');
        int end = line.IndexOf((byte)' ');
        ReadOnlySpan<byte> word = end < 0 ? line : line[..end];
        line = line[word.Length..];
        return word;
    }
}
