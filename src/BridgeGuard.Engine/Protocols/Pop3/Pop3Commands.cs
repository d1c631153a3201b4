using System.Text;

namespace BridgeGuard.Engine.Protocols.Pop3;

/// <summary>The commands of RFC 1939, RFC 2449, RFC 2595 and RFC 5034.</summary>
internal enum Pop3Command : byte
{
    Unknown,

    /// <summary>What a client sends while it authenticates.</summary>
    SaslData,
    Apop,
    Auth,
    Capa,
    Dele,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
}

/// <summary>Their words and how many arguments they take.</summary>
internal static class Pop3Commands
{
    private static readonly (byte[] Word, Pop3Command Command, int Fewest, int Most)[] Known =
    [
        ("APOP"u8.ToArray(), Pop3Command.Apop, 2, 2),
        ("AUTH"u8.ToArray(), Pop3Command.Auth, 1, 2),
        ("CAPA"u8.ToArray(), Pop3Command.Capa, 0, 0),
        ("DELE"u8.ToArray(), Pop3Command.Dele, 1, 1),
        ("LIST"u8.ToArray(), Pop3Command.List, 0, 1),
        ("NOOP"u8.ToArray(), Pop3Command.Noop, 0, 0),
        ("PASS"u8.ToArray(), Pop3Command.Pass, 1, 1),
        ("QUIT"u8.ToArray(), Pop3Command.Quit, 0, 0),
        ("RETR"u8.ToArray(), Pop3Command.Retr, 1, 1),
        ("RSET"u8.ToArray(), Pop3Command.Rset, 0, 0),
        ("STAT"u8.ToArray(), Pop3Command.Stat, 0, 0),
        ("STLS"u8.ToArray(), Pop3Command.Stls, 0, 0),
        ("TOP"u8.ToArray(), Pop3Command.Top, 2, 2),
        ("UIDL"u8.ToArray(), Pop3Command.Uidl, 0, 1),
        ("USER"u8.ToArray(), Pop3Command.User, 1, 1),
    ];

    /// <summary>The command of that word, in any case, and its range of arguments.</summary>
    public static Pop3Command Find(ReadOnlySpan<byte> word, out int fewest, out int most)
    {
        foreach ((byte[] known, Pop3Command command, int few, int many) in Known)
        {
            if (known.Length == word.Length && Ascii.EqualsIgnoreCase(known, word))
            {
                fewest = few;
                most = many;
                return command;
            }
        }

        fewest = 0;
        most = Pop3Limits.MaxArguments;
        return Pop3Command.Unknown;
    }

    /// <summary>Does a success have lines up to a lone dot (RFC 1939 §3)?</summary>
    public static bool HasLines(Pop3Command command, int arguments) => command switch
    {
        Pop3Command.Capa or Pop3Command.Retr or Pop3Command.Top => true,
        Pop3Command.Auth or Pop3Command.List or Pop3Command.Uidl => arguments == 0,
        _ => false,
    };
}
