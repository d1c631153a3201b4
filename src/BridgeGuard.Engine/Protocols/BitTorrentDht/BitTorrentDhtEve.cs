using System.Buffers.Binary;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>Writes the <c>bittorrent_dht</c> object: identifiers in hexadecimal.</summary>
internal sealed class BitTorrentDhtEve : EveLogger
{
    private const int NodeIdBytes = 20;

    public override string EventType => "bittorrent_dht";

    public override string ConfigurationName => "bittorrent-dht";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var dht = (BitTorrentDhtTransaction)transaction;
        writer.StartObject("bittorrent_dht"u8);
        writer.HexText("transaction_id"u8, dht.Bytes[dht.TransactionId]);
        Hex(writer, "client_version"u8, dht, dht.ClientVersion);
        if (dht.RequestType.Exists)
        {
            writer.Bytes("request_type"u8, dht.Bytes[dht.RequestType]);
        }

        if (dht.HasError)
        {
            writer.StartObject("error"u8);
            writer.Number("num"u8, (long)dht.ErrorNumber);
            writer.Bytes("msg"u8, dht.Bytes[dht.ErrorMessage]);
            writer.EndObject();
        }

        if (dht.HasRequest)
        {
            WriteRequest(writer, dht);
        }

        if (dht.HasResponse)
        {
            WriteResponse(writer, dht);
        }

        writer.EndObject();
        return true;
    }

    private static void WriteRequest(EveWriter writer, BitTorrentDhtTransaction dht)
    {
        writer.StartObject("request"u8);
        Hex(writer, "id"u8, dht, dht.NodeId);
        Hex(writer, "target"u8, dht, dht.Target);
        Hex(writer, "info_hash"u8, dht, dht.InfoHash);
        Hex(writer, "token"u8, dht, dht.Token);
        if (dht.ImpliedPort >= 0)
        {
            writer.Number("implied_port"u8, (long)dht.ImpliedPort);
        }

        if (dht.Port >= 0)
        {
            writer.Number("port"u8, (long)dht.Port);
        }

        writer.EndObject();
    }

    private static void WriteResponse(EveWriter writer, BitTorrentDhtTransaction dht)
    {
        writer.StartObject("response"u8);
        Hex(writer, "id"u8, dht, dht.NodeId);
        WriteNodes(writer, "nodes"u8, dht, dht.Nodes, BitTorrentDhtTransaction.PeerBytes);
        WriteNodes(writer, "nodes6"u8, dht, dht.Nodes6, BitTorrentDhtTransaction.Peer6Bytes);
        if (dht.ValueCount > 0)
        {
            writer.StartArray("values"u8);
            for (int i = 0; i < dht.ValueCount; i++)
            {
                writer.StartObject();
                WritePeer(writer, dht.Value(i));
                writer.EndObject();
            }

            writer.EndArray();
        }

        Hex(writer, "token"u8, dht, dht.Token);
        writer.EndObject();
    }

    /// <summary>Identifier, address and port of each node, back to back (BEP 5 "Contact Encoding").</summary>
    private static void WriteNodes(EveWriter writer, ReadOnlySpan<byte> name, BitTorrentDhtTransaction dht, Slice nodes, int peerBytes)
    {
        int length = NodeIdBytes + peerBytes;
        if (!nodes.Exists || dht.Bytes[nodes].Length < length)
        {
            return;
        }

        writer.StartArray(name);
        for (ReadOnlySpan<byte> rest = dht.Bytes[nodes]; rest.Length >= length; rest = rest[length..])
        {
            writer.StartObject();
            writer.HexText("id"u8, rest[..NodeIdBytes]);
            WritePeer(writer, rest[NodeIdBytes..length]);
            writer.EndObject();
        }

        writer.EndArray();
    }

    private static void WritePeer(EveWriter writer, ReadOnlySpan<byte> peer)
    {
        ReadOnlySpan<byte> address = peer[..^2];
        Span<byte> text = stackalloc byte[40];
        int length = 0;
        for (int i = 0; i < address.Length; i++)
        {
            int written;
            if (address.Length == 4)
            {
                address[i].TryFormat(text[length..], out written);
            }
            else
            {
                address[i].TryFormat(text[length..], out written, "x2");
            }

            length += written;
            bool isSeparated = address.Length == 4 || (i & 1) == 1;
            if (isSeparated && i + 1 < address.Length)
            {
                text[length++] = address.Length == 4 ? (byte)'.' : (byte)':';
            }
        }

        writer.Text("ip"u8, text[..length]);
        writer.Number("port"u8, (long)BinaryPrimitives.ReadUInt16BigEndian(peer[^2..]));
    }

    private static void Hex(EveWriter writer, ReadOnlySpan<byte> name, BitTorrentDhtTransaction dht, Slice value)
    {
        if (value.Exists)
        {
            writer.HexText(name, dht.Bytes[value]);
        }
    }
}
