using System.Buffers;
using System.Buffers.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Dns;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>DNS over HTTPS (RFC 8484).</summary>
internal sealed partial class Http2Parser
{
    private readonly Pools.ByteBuffer _decoded = new();

    private void BecomeDns()
    {
        if (!_isDns && ProtocolCatalog.Get(ProtocolId.Doh2) is not null)
        {
            _isDns = true;
            Change = new ProtocolChange(true, ProtocolId.Doh2, KeepsState: true);
        }
    }

    /// <summary>GET carries the message in the <c>dns</c> variable of its path, in base64url without padding.</summary>
    private void TakeDnsParameter(Http2Transaction transaction, Http2Headers headers, in ParseContext context)
    {
        if (!headers.TryGet(":path"u8, out ReadOnlySpan<byte> path))
        {
            return;
        }

        int query = path.IndexOf((byte)'?');
        ReadOnlySpan<byte> rest = query < 0 ? default : path[(query + 1)..];
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)'&');
            ReadOnlySpan<byte> pair = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (!pair.StartsWith("dns="u8))
            {
                continue;
            }

            ReadOnlySpan<byte> text = pair[4..];
            if (text.Length / 4 * 3 > Http2Limits.MaxDnsBytes)
            {
                transaction.Raise(Http2Anomaly.DnsRequestTooLong);
                return;
            }

            _decoded.Reset();
            Span<byte> bytes = _decoded.Reserve(Base64Url.GetMaxDecodedLength(text.Length));
            if (Base64Url.DecodeFromUtf8(text, bytes, out _, out int written) == OperationStatus.Done)
            {
                ReadDns(bytes[..written], transaction, context.Direction);
            }

            return;
        }
    }

    private static void AppendDns(ReadOnlySpan<byte> bytes, Http2Transaction transaction, Http2Side side, Direction direction)
    {
        if (side.DnsMessage.Length + bytes.Length > Http2Limits.MaxDnsBytes)
        {
            transaction.Raise(direction == Direction.ToServer ? Http2Anomaly.DnsRequestTooLong : Http2Anomaly.DnsResponseTooLong);
            side.IsDns = false;
            return;
        }

        side.DnsMessage.Append(bytes);
    }

    private void ReadDns(Http2Transaction transaction, Direction direction)
    {
        Http2Side side = transaction.Side(direction);
        if (side.DnsMessage.Length > 0)
        {
            ReadDns(side.DnsMessage.Span, transaction, direction);
        }
    }

    private void ReadDns(ReadOnlySpan<byte> message, Http2Transaction transaction, Direction direction)
    {
        if (transaction.Dns(direction) is not null)
        {
            return;
        }

        DnsTransaction dns = _dnsPool.TryPop(out DnsTransaction? pooled) ? pooled : new DnsTransaction();
        dns.Reset();
        if (!DnsMessage.TryRead(message, dns))
        {
            ReleaseDns(dns);
            return;
        }

        bool toServer = direction == Direction.ToServer;
        dns.IsRequest = toServer;
        dns.Directions = toServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        dns.ProgressToServer = 1;
        dns.ProgressToClient = 1;
        if (toServer)
        {
            transaction.DnsRequest = dns;
        }
        else
        {
            transaction.DnsResponse = dns;
        }

        BecomeDns();
    }
}
