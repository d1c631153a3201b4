using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.MySql;

/// <summary>Reads the fields of packets. False or null: the packet ends within one.</summary>
internal static class MySqlReader
{
    /// <summary>A number of 1, 3, 4 or 9 bytes; the first says which. 0xfb (null) and 0xff are none.</summary>
    public static bool TryNumber(ref WireReader reader, out ulong value)
    {
        value = 0;
        if (!reader.TryByte(out byte first) || first is 0xfb or 0xff)
        {
            return false;
        }

        if (first < 0xfb)
        {
            value = first;
            return true;
        }

        int bytes = first switch { 0xfc => 2, 0xfd => 3, _ => 8 };
        if (!reader.TryTake(bytes, out ReadOnlySpan<byte> field))
        {
            return false;
        }

        for (int i = bytes - 1; i >= 0; i--)
        {
            value = (value << 8) | field[i];
        }

        return true;
    }

    /// <summary>The server's greeting, version 10, behind its first byte.</summary>
    public static bool TryGreeting(ReadOnlySpan<byte> body, MySqlTransaction login)
    {
        var reader = new WireReader(body);
        if (!reader.TryZeroTerminated(out ReadOnlySpan<byte> version) || !reader.TryUInt32Little(out uint thread))
        {
            return false;
        }

        login.ServerVersion = login.Response.Append(version);
        login.ThreadId = thread;

        // The first 8 bytes of the nonce, a filler, the lower capabilities; old servers end here.
        if (!reader.TrySkip(9) || !reader.TrySkip(2) || !reader.TrySkip(3) || !reader.TryUInt16Little(out ushort upper) || !reader.TryByte(out byte nonce))
        {
            return true;
        }

        if ((upper & ((uint)MySqlCapabilities.PluginAuth >> 16)) != 0 && reader.TrySkip(10) && reader.TrySkip(Math.Max(13, nonce - 8))
            && reader.TryZeroTerminated(out ReadOnlySpan<byte> plugin))
        {
            login.Plugin = login.Response.Append(plugin);
        }

        return true;
    }

    /// <summary>The client's answer to the greeting; it may be the wish for TLS alone.</summary>
    public static bool TryLogin(ReadOnlySpan<byte> body, MySqlTransaction login, out MySqlCapabilities capabilities, out bool cachesMetadata)
    {
        cachesMetadata = false;
        capabilities = MySqlCapabilities.None;
        if (body.Length < 4)
        {
            return false;
        }

        capabilities = (MySqlCapabilities)BinaryPrimitives.ReadUInt32LittleEndian(body);
        var reader = new WireReader(body);
        if ((capabilities & MySqlCapabilities.Protocol41) == 0)
        {
            // The form before 4.1: two bytes of capabilities, three of the largest packet, the name.
            capabilities &= (MySqlCapabilities)ushort.MaxValue;
            if (!reader.TrySkip(5) || !reader.TryZeroTerminated(out ReadOnlySpan<byte> old))
            {
                return (capabilities & MySqlCapabilities.Ssl) != 0;
            }

            login.User = login.Request.Append(old);
            return true;
        }

        const uint cacheMetadata = 1 << 4;
        if (!reader.TrySkip(4 + 4 + 1 + 19) || !reader.TryUInt32Little(out uint more))
        {
            return false;
        }

        cachesMetadata = (capabilities & MySqlCapabilities.MySql) == 0 && (more & cacheMetadata) != 0;
        if (reader.Left == 0 && (capabilities & MySqlCapabilities.Ssl) != 0)
        {
            return true;
        }

        if (!reader.TryZeroTerminated(out ReadOnlySpan<byte> user))
        {
            return false;
        }

        login.User = login.Request.Append(user);
        if (!TrySkipProof(ref reader, capabilities))
        {
            return false;
        }

        if ((capabilities & MySqlCapabilities.ConnectWithDb) != 0 && reader.TryZeroTerminated(out ReadOnlySpan<byte> database))
        {
            login.Database = login.Request.Append(database);
        }

        return true;
    }

    /// <summary>COM_CHANGE_USER: user, proof, database.</summary>
    public static bool TryChangeUser(ReadOnlySpan<byte> body, MySqlTransaction change, MySqlCapabilities capabilities)
    {
        var reader = new WireReader(body);
        if (!reader.TryZeroTerminated(out ReadOnlySpan<byte> user))
        {
            return false;
        }

        change.User = change.Request.Append(user);
        if (!TrySkipProof(ref reader, capabilities & ~MySqlCapabilities.PluginAuthLenencData) || !reader.TryZeroTerminated(out ReadOnlySpan<byte> database))
        {
            return false;
        }

        change.Database = change.Request.Append(database);
        return true;
    }

    /// <summary>OK behind its first byte; false: it ends within a field.</summary>
    public static bool TryOk(ReadOnlySpan<byte> body, MySqlTransaction transaction, out ushort status)
    {
        var reader = new WireReader(body);
        status = 0;
        if (!TryNumber(ref reader, out ulong rows) || !TryNumber(ref reader, out ulong id))
        {
            return false;
        }

        transaction.AffectedRows = rows;
        transaction.LastInsertId = id;
        if (reader.TryUInt16Little(out status) && reader.TryUInt16Little(out ushort warnings))
        {
            transaction.Warnings = warnings;
        }

        return true;
    }

    /// <summary>An error behind its first byte: number, perhaps the state, text.</summary>
    public static bool TryError(ReadOnlySpan<byte> body, MySqlTransaction transaction)
    {
        const int stateBytes = 5;
        var reader = new WireReader(body);
        if (!reader.TryUInt16Little(out ushort code))
        {
            return false;
        }

        transaction.ErrorCode = code;
        if (reader.Left > stateBytes && reader.Rest[0] == (byte)'#' && reader.TrySkip(1) && reader.TryTake(stateBytes, out ReadOnlySpan<byte> state))
        {
            transaction.SqlState = transaction.Response.Append(state);
        }

        transaction.Message = transaction.Response.Append(reader.Rest[..Math.Min(reader.Left, MySqlLimits.MaxTextBytes)]);
        return true;
    }

    private static bool TrySkipProof(ref WireReader reader, MySqlCapabilities capabilities)
    {
        if ((capabilities & MySqlCapabilities.PluginAuthLenencData) != 0)
        {
            return TryNumber(ref reader, out ulong length) && length <= (ulong)reader.Left && reader.TrySkip((int)length);
        }

        return (capabilities & MySqlCapabilities.SecureConnection) != 0
            ? reader.TryByte(out byte count) && reader.TrySkip(count)
            : reader.TryZeroTerminated(out _);
    }
}
