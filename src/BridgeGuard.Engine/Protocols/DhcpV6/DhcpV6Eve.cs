using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.DhcpV6;

/// <summary>
/// Writes the <c>dhcp</c> object with the fields that Suricata has for DHCPv4 where they mean the same, and <c>version</c> 6. Without <c>extended</c> only replies
/// are recorded, which tell who has which address.
/// </summary>
internal sealed class DhcpV6Eve : EveLogger
{
    private const byte Reply = 7;
    private const int AddressBytes = 16;

    public override string EventType => "dhcp";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var dhcp = (DhcpV6Transaction)transaction;
        bool isExtended = detail == EveDetail.Alert || writer.Options.GetBool("extended", false);
        if (!isExtended && dhcp.MessageType != Reply)
        {
            return false;
        }

        writer.StartObject("dhcp"u8);
        writer.Number("version"u8, 6L);
        writer.Text("type"u8, DhcpV6Tables.IsReply(dhcp.MessageType) ? "reply"u8 : "request"u8);
        writer.Number("id"u8, (long)dhcp.TransactionId);
        writer.Text("dhcp_type"u8, DhcpV6Tables.MessageType(dhcp.MessageType));
        WriteClient(writer, dhcp);
        WriteLeases(writer, dhcp, isExtended);
        if (dhcp.RenewalTime >= 0)
        {
            writer.Number("renewal_time"u8, dhcp.RenewalTime);
        }

        if (isExtended)
        {
            WriteExtended(writer, dhcp);
        }

        writer.EndObject();
        return true;
    }

    private static void WriteClient(EveWriter writer, DhcpV6Transaction dhcp)
    {
        if (dhcp.ClientId.Exists)
        {
            ReadOnlySpan<byte> client = dhcp.Bytes[dhcp.ClientId];
            ReadOnlySpan<byte> mac = HardwareAddress(client);
            if (!mac.IsEmpty)
            {
                writer.HexText("client_mac"u8, mac, (byte)':');
            }

            writer.HexText("client_id"u8, client, (byte)':');
        }

        if (dhcp.ServerId.Exists)
        {
            writer.HexText("server_id"u8, dhcp.Bytes[dhcp.ServerId], (byte)':');
        }

        if (dhcp.HostName.Exists)
        {
            writer.Bytes("hostname"u8, dhcp.Bytes[dhcp.HostName]);
        }
    }

    /// <summary>What a DUID holds of an Ethernet address (RFC 8415 §11.2, §11.4); nothing in other kinds.</summary>
    private static ReadOnlySpan<byte> HardwareAddress(ReadOnlySpan<byte> duid)
    {
        const int macBytes = 6;
        ReadOnlySpan<byte> withTime = [0, 1, 0, 1];
        ReadOnlySpan<byte> without = [0, 3, 0, 1];
        return duid.Length == 8 + macBytes && duid.StartsWith(withTime) ? duid[8..]
            : duid.Length == 4 + macBytes && duid.StartsWith(without) ? duid[4..] : default;
    }

    private static void WriteLeases(EveWriter writer, DhcpV6Transaction dhcp, bool isExtended)
    {
        bool hasAddress = false;
        bool hasPrefix = false;
        for (int i = 0; i < dhcp.LeaseCount; i++)
        {
            ref readonly DhcpV6Lease lease = ref dhcp.Lease(i);
            if (lease.PrefixLength < 0 && !hasAddress)
            {
                hasAddress = true;
                Address(writer, "assigned_ip"u8, dhcp.Bytes[lease.Address]);
                if (isExtended)
                {
                    writer.Number("lease_time"u8, (long)lease.Valid);
                    writer.Number("preferred_time"u8, (long)lease.Preferred);
                }
            }

            hasPrefix |= lease.PrefixLength >= 0;
        }

        if (!hasPrefix)
        {
            return;
        }

        writer.StartArray("prefixes"u8);
        for (int i = 0; i < dhcp.LeaseCount; i++)
        {
            ref readonly DhcpV6Lease lease = ref dhcp.Lease(i);
            if (lease.PrefixLength >= 0)
            {
                PrefixValue(writer, dhcp.Bytes[lease.Address], lease.PrefixLength);
            }
        }

        writer.EndArray();
    }

    private static void WriteExtended(EveWriter writer, DhcpV6Transaction dhcp)
    {
        if (dhcp.RebindingTime >= 0)
        {
            writer.Number("rebinding_time"u8, dhcp.RebindingTime);
        }

        if (dhcp.Relays > 0)
        {
            writer.Number("relays"u8, (long)dhcp.Relays);
            Address(writer, "relay_ip"u8, dhcp.Bytes[dhcp.LinkAddress]);
            Address(writer, "client_ip"u8, dhcp.Bytes[dhcp.PeerAddress]);
        }

        if (dhcp.Status >= 0)
        {
            writer.Text("status"u8, DhcpV6Tables.Status((ushort)dhcp.Status));
            writer.Bytes("status_text"u8, dhcp.Bytes[dhcp.StatusText]);
        }

        if (dhcp.VendorClass.Exists)
        {
            writer.Bytes("vendor_class_identifier"u8, dhcp.Bytes[dhcp.VendorClass]);
        }

        if (dhcp.DnsServers.Exists)
        {
            writer.StartArray("dns_servers"u8);
            for (ReadOnlySpan<byte> rest = dhcp.Bytes[dhcp.DnsServers]; rest.Length >= AddressBytes; rest = rest[AddressBytes..])
            {
                PrefixValue(writer, rest[..AddressBytes], -1);
            }

            writer.EndArray();
        }

        WriteRequested(writer, dhcp.Bytes[dhcp.Requested]);
    }

    private static void WriteRequested(EveWriter writer, ReadOnlySpan<byte> codes)
    {
        if (codes.IsEmpty)
        {
            return;
        }

        writer.StartArray("params"u8);
        for (; codes.Length >= 2; codes = codes[2..])
        {
            ReadOnlySpan<byte> name = DhcpV6Tables.Parameter((ushort)((codes[0] << 8) | codes[1]));
            if (!name.IsEmpty)
            {
                writer.TextValue(name);
            }
        }

        writer.EndArray();
    }

    private static void Address(EveWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> address) =>
        writer.Address(name, IpAddress.ReadV6(address), asV4: false);

    private static void PrefixValue(EveWriter writer, ReadOnlySpan<byte> address, int bits)
    {
        Span<byte> text = stackalloc byte[52];
        int length = IpAddress.ReadV6(address).Format(text, asV4: false);
        if (bits >= 0)
        {
            text[length++] = (byte)'/';
            bits.TryFormat(text[length..], out int written);
            length += written;
        }

        writer.TextValue(text[..length]);
    }
}
