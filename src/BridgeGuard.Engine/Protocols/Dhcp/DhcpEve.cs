using System.Buffers.Binary;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Dhcp;

/// <summary>Writes the <c>dhcp</c> object. Without <c>extended</c> only acknowledgements are recorded, with what tells who has which address.</summary>
internal sealed class DhcpEve : EveLogger
{
    public override string EventType => "dhcp";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var dhcp = (DhcpTransaction)transaction;
        bool isExtended = detail == EveDetail.Alert || writer.Options.GetBool("extended", false);
        int type = dhcp.Find(DhcpOption.MessageType);
        if (!isExtended && (type < 0 || dhcp.Data(type)[0] != DhcpTables.Ack))
        {
            return false;
        }

        writer.StartObject("dhcp"u8);
        writer.Text("type"u8, DhcpTables.Operation(dhcp.Operation));
        writer.Number("id"u8, (long)dhcp.TransactionId);
        writer.HexText("client_mac"u8, dhcp.HardwareAddress, (byte)':');
        Address(writer, "assigned_ip"u8, dhcp.AssignedAddress);
        if (isExtended)
        {
            Address(writer, "client_ip"u8, dhcp.ClientAddress);
            if (dhcp.Operation == DhcpTables.Reply)
            {
                Address(writer, "relay_ip"u8, dhcp.RelayAddress);
                Address(writer, "next_server_ip"u8, dhcp.NextServerAddress);
            }
        }

        for (int i = 0; i < dhcp.OptionCount; i++)
        {
            if (IsLast(dhcp, i))
            {
                WriteOption(writer, dhcp.Code(i), dhcp.Data(i), isExtended);
            }
        }

        writer.EndObject();
        return true;
    }

    /// <summary>An option that is repeated is shown once, with its last value.</summary>
    private static bool IsLast(DhcpTransaction dhcp, int index)
    {
        for (int i = index + 1; i < dhcp.OptionCount; i++)
        {
            if (dhcp.Code(i) == dhcp.Code(index))
            {
                return false;
            }
        }

        return true;
    }

    private static void WriteOption(EveWriter writer, DhcpOption code, ReadOnlySpan<byte> data, bool isExtended)
    {
        switch (code)
        {
            case DhcpOption.MessageType:
                writer.Text("dhcp_type"u8, DhcpTables.MessageType(data[0]));
                break;
            case DhcpOption.ClientId:
                writer.HexText("client_id"u8, data[1..], (byte)':');
                break;
            case DhcpOption.HostName when data.Length > 0:
                writer.Bytes("hostname"u8, data);
                break;
            case DhcpOption.RenewalTime:
                Seconds(writer, "renewal_time"u8, data);
                break;
            default:
                if (isExtended)
                {
                    WriteExtended(writer, code, data);
                }

                break;
        }
    }

    private static void WriteExtended(EveWriter writer, DhcpOption code, ReadOnlySpan<byte> data)
    {
        switch (code)
        {
            case DhcpOption.LeaseTime:
                Seconds(writer, "lease_time"u8, data);
                break;
            case DhcpOption.RebindingTime:
                Seconds(writer, "rebinding_time"u8, data);
                break;
            case DhcpOption.SubnetMask:
                Address(writer, "subnet_mask"u8, data);
                break;
            case DhcpOption.RequestedAddress:
                Address(writer, "requested_ip"u8, data);
                break;
            case DhcpOption.Router:
                Addresses(writer, "routers"u8, data);
                break;
            case DhcpOption.DnsServer:
                Addresses(writer, "dns_servers"u8, data);
                break;
            case DhcpOption.VendorClass when data.Length > 0:
                writer.Bytes("vendor_class_identifier"u8, data);
                break;
            case DhcpOption.ParameterList:
                Parameters(writer, data);
                break;
        }
    }

    private static void Seconds(EveWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> data) =>
        writer.Number(name, (long)BinaryPrimitives.ReadUInt32BigEndian(data));

    /// <summary>Four bytes as dotted numbers; empty text for any other length.</summary>
    private static void Address(EveWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> address)
    {
        writer.Name(name);
        AddressValue(writer, address);
    }

    private static void AddressValue(EveWriter writer, ReadOnlySpan<byte> address)
    {
        Span<byte> text = stackalloc byte[16];
        int length = 0;
        for (int i = 0; address.Length == 4 && i < 4; i++)
        {
            if (i > 0)
            {
                text[length++] = (byte)'.';
            }

            address[i].TryFormat(text[length..], out int written);
            length += written;
        }

        writer.TextValue(text[..length]);
    }

    private static void Addresses(EveWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        writer.StartArray(name);
        for (; data.Length >= 4; data = data[4..])
        {
            AddressValue(writer, data[..4]);
        }

        writer.EndArray();
    }

    private static void Parameters(EveWriter writer, ReadOnlySpan<byte> codes)
    {
        writer.StartArray("params"u8);
        foreach (byte code in codes)
        {
            ReadOnlySpan<byte> name = DhcpTables.Parameter(code);
            if (!name.IsEmpty)
            {
                writer.TextValue(name);
            }
        }

        writer.EndArray();
    }
}
