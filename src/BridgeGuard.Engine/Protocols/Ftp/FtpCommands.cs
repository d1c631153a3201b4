using System.Text;

namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>Commands that mean something to the parser.</summary>
internal enum FtpCommand : byte
{
    /// <summary>None of the known ones: shown without a name, as Suricata does.</summary>
    Unknown,

    /// <summary>Known, and nothing follows from it.</summary>
    Other,
    AuthTls,
    Eprt,
    Epsv,
    Pasv,
    Port,

    /// <summary>Where the next file begins.</summary>
    Restart,

    /// <summary>How long a file is.</summary>
    Size,

    /// <summary>A listing comes over the data connection.</summary>
    List,

    /// <summary>A file comes over it.</summary>
    Retrieve,

    /// <summary>A file goes over it.</summary>
    Store,

    /// <summary>A file goes over it, named by the server.</summary>
    StoreUnique,
}

/// <summary>The command words (RFC 959 §5.3.1, RFC 2428, RFC 3659, RFC 4217), in any case.</summary>
internal static class FtpCommands
{
    private static readonly (byte[] Word, FtpCommand Command)[] Known = Build();

    /// <summary>Finds the word a line begins with.</summary>
    /// <param name="line">Without leading blanks.</param>
    /// <param name="length">Bytes of the word.</param>
    public static FtpCommand Find(ReadOnlySpan<byte> line, out int length)
    {
        int end = line.IndexOf((byte)' ');
        ReadOnlySpan<byte> word = end < 0 ? line : line[..end];
        foreach ((byte[] known, FtpCommand command) in Known)
        {
            if (known.Length == word.Length && Ascii.EqualsIgnoreCase(known, word))
            {
                length = word.Length;
                return command;
            }
        }

        length = "AUTH TLS".Length;
        if (line.Length >= length && Ascii.EqualsIgnoreCase(line[..length], "AUTH TLS"u8))
        {
            return FtpCommand.AuthTls;
        }

        length = 0;
        return FtpCommand.Unknown;
    }

    private static (byte[] Word, FtpCommand Command)[] Build()
    {
        var known = new List<(byte[] Word, FtpCommand Command)>();
        Add(known, FtpCommand.Other, "ABOR ACCT ALLO CDUP CWD DELE HELP MDTM MKD MODE NOOP PASS PWD QUIT REIN RMD RNFR RNTO SITE SMNT STAT STRU SYST TYPE USER");
        Add(known, FtpCommand.Restart, "REST");
        Add(known, FtpCommand.Size, "SIZE");
        Add(known, FtpCommand.List, "LIST NLST MLSD");
        Add(known, FtpCommand.Retrieve, "RETR");
        Add(known, FtpCommand.Store, "STOR APPE");
        Add(known, FtpCommand.StoreUnique, "STOU");
        Add(known, FtpCommand.Port, "PORT");
        Add(known, FtpCommand.Eprt, "EPRT");
        Add(known, FtpCommand.Pasv, "PASV");
        Add(known, FtpCommand.Epsv, "EPSV");
        return [.. known];
    }

    private static void Add(List<(byte[] Word, FtpCommand Command)> known, FtpCommand command, string words)
    {
        foreach (string word in words.Split(' '))
        {
            known.Add((Encoding.ASCII.GetBytes(word), command));
        }
    }
}
