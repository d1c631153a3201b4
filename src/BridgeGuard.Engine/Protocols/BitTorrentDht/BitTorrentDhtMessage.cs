using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>The dictionary that a message is (BEP 5 "KRPC Protocol").</summary>
internal static class BitTorrentDhtMessage
{
    /// <summary>False when the message cannot be read or lacks what its kind needs.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, BitTorrentDhtTransaction transaction)
    {
        var reader = new BencodeReader(message);
        byte kind = 0;
        if (!reader.TryTake((byte)'d'))
        {
            return false;
        }

        while (!reader.TryTake((byte)'e'))
        {
            if (!reader.TryReadText(out ReadOnlySpan<byte> key) || !TryReadMember(ref reader, key, transaction, ref kind))
            {
                return false;
            }
        }

        return kind switch
        {
            (byte)'q' => transaction.RequestType.Exists && transaction.HasRequest,
            (byte)'r' => transaction.HasResponse,
            (byte)'e' => transaction.HasError,
            _ => false,
        };
    }

    private static bool TryReadMember(ref BencodeReader reader, ReadOnlySpan<byte> key, BitTorrentDhtTransaction transaction, ref byte kind)
    {
        switch (key.Length == 1 ? key[0] : 0)
        {
            case 'a':
                return TryReadRequest(ref reader, transaction);
            case 'e':
                return TryReadError(ref reader, transaction);
            case 'q':
                return TryKeep(ref reader, transaction, out transaction.RequestType);
            case 'r':
                return TryReadResponse(ref reader, transaction);
            case 't':
                return TryKeep(ref reader, transaction, out transaction.TransactionId);
            case 'v':
                return TryKeep(ref reader, transaction, out transaction.ClientVersion);
            case 'y':
                if (!reader.TryReadText(out ReadOnlySpan<byte> type))
                {
                    return false;
                }

                kind = type.Length == 1 ? type[0] : (byte)0;
                return true;
            default:
                return reader.TrySkip(BitTorrentDhtLimits.MaxDepth);
        }
    }

    private static bool TryReadRequest(ref BencodeReader reader, BitTorrentDhtTransaction transaction)
    {
        if (!reader.TryTake((byte)'d'))
        {
            return false;
        }

        while (!reader.TryTake((byte)'e'))
        {
            if (!reader.TryReadText(out ReadOnlySpan<byte> key))
            {
                return false;
            }

            bool isRead;
            if (key.SequenceEqual("id"u8))
            {
                isRead = TryKeep(ref reader, transaction, out transaction.NodeId);
            }
            else if (key.SequenceEqual("target"u8))
            {
                isRead = TryKeep(ref reader, transaction, out transaction.Target);
            }
            else if (key.SequenceEqual("info_hash"u8))
            {
                isRead = TryKeep(ref reader, transaction, out transaction.InfoHash);
            }
            else if (key.SequenceEqual("token"u8))
            {
                isRead = TryKeep(ref reader, transaction, out transaction.Token);
            }
            else if (key.SequenceEqual("implied_port"u8))
            {
                isRead = TryReadNumber(ref reader, byte.MaxValue, out transaction.ImpliedPort);
            }
            else if (key.SequenceEqual("port"u8))
            {
                isRead = TryReadNumber(ref reader, ushort.MaxValue, out transaction.Port);
            }
            else
            {
                isRead = reader.TrySkip(BitTorrentDhtLimits.MaxDepth);
            }

            if (!isRead)
            {
                return false;
            }
        }

        transaction.HasRequest = true;
        return transaction.NodeId.Exists;
    }

    private static bool TryReadResponse(ref BencodeReader reader, BitTorrentDhtTransaction transaction)
    {
        if (!reader.TryTake((byte)'d'))
        {
            return false;
        }

        while (!reader.TryTake((byte)'e'))
        {
            if (!reader.TryReadText(out ReadOnlySpan<byte> key))
            {
                return false;
            }

            bool isRead;
            if (key.SequenceEqual("id"u8))
            {
                isRead = TryKeep(ref reader, transaction, out transaction.NodeId);
            }
            else if (key.SequenceEqual("nodes"u8))
            {
                isRead = TryKeep(ref reader, transaction, out transaction.Nodes);
            }
            else if (key.SequenceEqual("nodes6"u8))
            {
                isRead = TryKeep(ref reader, transaction, out transaction.Nodes6);
            }
            else if (key.SequenceEqual("token"u8))
            {
                isRead = TryKeep(ref reader, transaction, out transaction.Token);
            }
            else if (key.SequenceEqual("values"u8) && reader.Next == 'l')
            {
                isRead = TryReadValues(ref reader, transaction);
            }
            else
            {
                isRead = reader.TrySkip(BitTorrentDhtLimits.MaxDepth);
            }

            if (!isRead)
            {
                return false;
            }
        }

        transaction.HasResponse = true;
        return transaction.NodeId.Exists;
    }

    /// <summary>A list of addresses with ports: 6 bytes each, or 18 for IPv6.</summary>
    private static bool TryReadValues(ref BencodeReader reader, BitTorrentDhtTransaction transaction)
    {
        reader.TryTake((byte)'l');
        while (!reader.TryTake((byte)'e'))
        {
            if (!reader.TryReadText(out ReadOnlySpan<byte> value))
            {
                return false;
            }

            transaction.AddValue(value);
        }

        return true;
    }

    /// <summary>A list of a number and a text.</summary>
    private static bool TryReadError(ref BencodeReader reader, BitTorrentDhtTransaction transaction)
    {
        if (!reader.TryTake((byte)'l'))
        {
            return false;
        }

        bool hasNumber = false;
        while (!reader.TryTake((byte)'e'))
        {
            if (reader.Next == 'i')
            {
                if (!TryReadNumber(ref reader, ushort.MaxValue, out transaction.ErrorNumber))
                {
                    return false;
                }

                hasNumber = true;
            }
            else if (!TryKeep(ref reader, transaction, out transaction.ErrorMessage))
            {
                return false;
            }
        }

        transaction.HasError = true;
        return hasNumber && transaction.ErrorMessage.Exists;
    }

    private static bool TryReadNumber(ref BencodeReader reader, int maximum, out int value)
    {
        bool isRead = reader.TryReadInteger(out long number) && number >= 0 && number <= maximum;
        value = isRead ? (int)number : -1;
        return isRead;
    }

    private static bool TryKeep(ref BencodeReader reader, BitTorrentDhtTransaction transaction, out Slice slice)
    {
        bool isRead = reader.TryReadText(out ReadOnlySpan<byte> text);
        slice = isRead ? transaction.Bytes.Append(text) : Slice.None;
        return isRead;
    }
}
