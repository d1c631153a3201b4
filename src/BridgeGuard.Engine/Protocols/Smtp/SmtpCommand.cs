using System.Text;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>What the parser must know of a command to understand its reply.</summary>
internal enum SmtpCommand : byte
{
    Other,
    Helo,
    Mail,
    Recipient,
    Data,

    /// <summary>The line with the dot.</summary>
    DataEnd,
    Bdat,
    BdatLast,
    StartTls,
    Reset,
    Quit,
}

/// <summary>Commands by their first word (RFC 5321 §4.1.1), in any case.</summary>
internal static class SmtpCommands
{
    public static SmtpCommand Find(ReadOnlySpan<byte> line)
    {
        if (StartsWith(line, "HELO"u8) || StartsWith(line, "EHLO"u8))
        {
            return SmtpCommand.Helo;
        }

        if (StartsWith(line, "MAIL FROM"u8))
        {
            return SmtpCommand.Mail;
        }

        if (StartsWith(line, "RCPT TO"u8))
        {
            return SmtpCommand.Recipient;
        }

        if (StartsWith(line, "BDAT"u8))
        {
            return SmtpCommand.Bdat;
        }

        if (StartsWith(line, "DATA"u8))
        {
            return SmtpCommand.Data;
        }

        if (StartsWith(line, "STARTTLS"u8))
        {
            return SmtpCommand.StartTls;
        }

        if (StartsWith(line, "RSET"u8))
        {
            return SmtpCommand.Reset;
        }

        return StartsWith(line, "QUIT"u8) ? SmtpCommand.Quit : SmtpCommand.Other;
    }

    /// <summary>The text from <paramref name="at"/> on, without blanks before it, up to the next blank.</summary>
    public static ReadOnlySpan<byte> Argument(ReadOnlySpan<byte> line, int at)
    {
        ReadOnlySpan<byte> rest = line[Math.Min(at, line.Length)..].TrimStart((byte)' ');
        int end = rest.IndexOf((byte)' ');
        return end < 0 ? rest : rest[..end];
    }

    /// <summary><c>BDAT size [LAST]</c> (RFC 3030 §2).</summary>
    /// <returns>False when the size is no number that could be or what follows is not LAST.</returns>
    public static bool TryReadChunk(ReadOnlySpan<byte> line, out uint size, out bool isLast)
    {
        size = 0;
        isLast = false;
        ReadOnlySpan<byte> rest = line[4..];
        if (rest.IsEmpty || rest[0] != (byte)' ')
        {
            return false;
        }

        rest = rest.Trim((byte)' ');
        if (!System.Buffers.Text.Utf8Parser.TryParse(rest, out size, out int used))
        {
            return false;
        }

        rest = rest[used..];
        if (rest.IsEmpty)
        {
            return true;
        }

        isLast = rest[0] == (byte)' ' && Ascii.EqualsIgnoreCase(rest.TrimStart((byte)' '), "LAST"u8);
        return isLast;
    }

    /// <summary>Reply codes that servers send (RFC 5321 §4.2.3, RFC 3463, RFC 4954 and old practice); Suricata's list.</summary>
    public static bool IsReplyCode(int code) => code is 211 or 214 or 220 or 221 or 235 or 250 or 251 or 252 or 334 or 354
        or 401 or 402 or 421 or 435 or (>= 450 and <= 452) or 454 or 455
        or (>= 500 and <= 504) or 511 or 521 or 522 or 525 or 530 or 534 or 535 or 541 or 543 or (>= 550 and <= 555);

    private static bool StartsWith(ReadOnlySpan<byte> line, ReadOnlySpan<byte> word) =>
        line.Length >= word.Length && Ascii.EqualsIgnoreCase(line[..word.Length], word);
}
