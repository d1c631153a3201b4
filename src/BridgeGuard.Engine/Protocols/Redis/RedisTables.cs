using System.Text;

namespace BridgeGuard.Engine.Protocols.Redis;

/// <summary>Words of the protocol.</summary>
internal static class RedisTables
{
    /// <summary>Commands that people and scripts send as a plain line.</summary>
    private static readonly byte[][] Inline =
    [
        "AUTH"u8.ToArray(), "CLIENT"u8.ToArray(), "CONFIG"u8.ToArray(), "DEL"u8.ToArray(), "ECHO"u8.ToArray(), "EXISTS"u8.ToArray(), "FLUSHALL"u8.ToArray(),
        "GET"u8.ToArray(), "HELLO"u8.ToArray(), "INFO"u8.ToArray(), "KEYS"u8.ToArray(), "MONITOR"u8.ToArray(), "PING"u8.ToArray(), "QUIT"u8.ToArray(),
        "SAVE"u8.ToArray(), "SELECT"u8.ToArray(), "SET"u8.ToArray(), "SLAVEOF"u8.ToArray(),
    ];

    public static bool IsInline(ReadOnlySpan<byte> line)
    {
        int end = line.IndexOf((byte)' ');
        ReadOnlySpan<byte> word = end < 0 ? line : line[..end];
        foreach (byte[] known in Inline)
        {
            if (word.Length == known.Length && Ascii.EqualsIgnoreCase(word, known))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>How many arguments behind this one are secret: user and password of AUTH, the value of a password setting.</summary>
    public static int SecretsBehind(ReadOnlySpan<byte> word)
    {
        ReadOnlySpan<byte> auth = "AUTH"u8;
        ReadOnlySpan<byte> auth2 = "AUTH2"u8;
        ReadOnlySpan<byte> server = "requirepass"u8;
        ReadOnlySpan<byte> master = "masterauth"u8;
        return Is(word, auth) || Is(word, auth2) ? 2 : Is(word, server) || Is(word, master) ? 1 : 0;
    }

    public static ReadOnlySpan<byte> Name(byte type) => type switch
    {
        (byte)'+' => "simple_string"u8,
        (byte)'-' => "error"u8,
        (byte)':' => "integer"u8,
        (byte)'$' => "string"u8,
        (byte)'*' => "array"u8,
        (byte)'_' => "null"u8,
        (byte)',' => "double"u8,
        (byte)'#' => "boolean"u8,
        (byte)'!' => "error"u8,
        (byte)'=' => "verbatim_string"u8,
        (byte)'(' => "big_number"u8,
        (byte)'%' => "map"u8,
        (byte)'~' => "set"u8,
        (byte)'>' => "push"u8,
        _ => "unknown"u8,
    };

    private static bool Is(ReadOnlySpan<byte> word, ReadOnlySpan<byte> known) => word.Length == known.Length && Ascii.EqualsIgnoreCase(word, known);
}
