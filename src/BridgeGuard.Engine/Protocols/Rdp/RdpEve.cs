using System.Runtime.InteropServices;
using System.Text.Unicode;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Rdp;

/// <summary>Writes the <c>rdp</c> object.</summary>
internal sealed class RdpEve : EveLogger
{
    // Where the members of the client core data lie (MS-RDPBCGR §2.2.1.3.2); from PostBeta2Depth on they are optional, each needs the one before.
    private const int Depth = 8;
    private const int ClientName = 20;
    private const int ClientNameBytes = 32;
    private const int ProductIdText = 142;
    private const int ProductIdTextBytes = 64;
    private const int PostBeta2Depth = 128;
    private const int ProductId = 130;
    private const int HighDepth = 136;
    private const int Capabilities = 140;
    private const int ConnectionType = 206;
    private const ushort FirstDepth = 0xca00;
    private const ushort LastDepth = 0xca04;

    public override string EventType => "rdp";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool UsesCarryingPacket => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var rdp = (RdpTransaction)transaction;
        writer.StartObject("rdp"u8);
        writer.Number("tx_id"u8, rdp.Id + 1);
        switch (rdp.Kind)
        {
            case RdpKind.InitialRequest:
                writer.Text("event_type"u8, "initial_request"u8);
                if (rdp.HasCookie)
                {
                    writer.Bytes("cookie"u8, rdp.Cookie);
                }

                break;
            case RdpKind.InitialResponse:
                writer.Text("event_type"u8, "initial_response"u8);
                WriteNegotiation(writer, rdp);
                break;
            case RdpKind.TlsHandshake:
                writer.Text("event_type"u8, "tls_handshake"u8);
                WriteSerials(writer, rdp);
                break;
            case RdpKind.ConnectRequest:
                writer.Text("event_type"u8, "connect_request"u8);
                WriteConnectRequest(writer, rdp);
                break;
            default:
                writer.Text("event_type"u8, "connect_response"u8);
                break;
        }

        writer.EndObject();
        return true;
    }

    private static void WriteNegotiation(EveWriter writer, RdpTransaction rdp)
    {
        if (rdp.IsRefused)
        {
            writer.Number("error_code"u8, (long)rdp.NegotiationValue);
            writer.Text("reason"u8, RdpTables.Failure(rdp.NegotiationValue));
        }
        else if (rdp.IsNegotiated)
        {
            if (rdp.NegotiationFlags != 0)
            {
                WriteBits(writer, "server_supports"u8, rdp.NegotiationFlags, RdpTables.ServerFlags);
            }

            writer.Text("protocol"u8, RdpTables.Protocol(rdp.NegotiationValue));
        }
    }

    /// <summary>Hexadecimal without leading zeros.</summary>
    private static void WriteSerials(EveWriter writer, RdpTransaction rdp)
    {
        Span<byte> text = stackalloc byte[2 * RdpLimits.MaxSerialBytes];
        writer.StartArray("x509_serials"u8);
        for (int i = 0; i < rdp.SerialCount; i++)
        {
            int length = 0;
            foreach (byte value in rdp.Serial(i))
            {
                if (length + 2 > text.Length)
                {
                    break;
                }

                if (length > 0 || value >= 16)
                {
                    text[length++] = "0123456789abcdef"u8[value >> 4];
                }

                if (length > 0 || value != 0)
                {
                    text[length++] = "0123456789abcdef"u8[value & 15];
                }
            }

            writer.TextValue(length == 0 ? "0"u8 : text[..length]);
        }

        writer.EndArray();
    }

    private static void WriteConnectRequest(EveWriter writer, RdpTransaction rdp)
    {
        if (rdp.HasCore)
        {
            writer.StartObject("client"u8);
            WriteClient(writer, rdp);
            writer.EndObject();
        }

        if (rdp.ChannelCount > 0)
        {
            writer.StartArray("channels"u8);
            for (int i = 0; i < rdp.ChannelCount; i++)
            {
                writer.BytesValue(rdp.Channel(i));
            }

            writer.EndArray();
        }
    }

    private static void WriteClient(EveWriter writer, RdpTransaction rdp)
    {
        ReadOnlySpan<byte> core = rdp.Core;
        bool hasBeta = core.Length >= PostBeta2Depth + 2 && rdp.Core16(PostBeta2Depth) is >= FirstDepth and <= LastDepth;
        bool hasProduct = hasBeta && core.Length >= ProductId + 2;
        bool hasHigh = hasProduct && core.Length >= HighDepth + 2 && rdp.Core16(HighDepth) is 4 or 8 or 15 or 16 or 24;
        int known = (1 << RdpTables.Capabilities.Length) - 1;
        bool hasCapabilities = hasHigh && core.Length >= Capabilities + 2 && rdp.Core16(Capabilities) <= known;
        writer.Text("version"u8, RdpTables.Version(rdp.Core32(0)));
        writer.Number("desktop_width"u8, (long)rdp.Core16(4));
        writer.Number("desktop_height"u8, (long)rdp.Core16(6));
        writer.Number("color_depth"u8, hasHigh ? rdp.Core16(HighDepth) : BitsOf(rdp.Core16(hasBeta ? PostBeta2Depth : Depth)));
        ReadOnlySpan<byte> layout = RdpLayouts.Name(rdp.Core32(12));
        writer.Text("keyboard_layout"u8, layout.IsEmpty ? "unknown"u8 : layout);
        writer.Text("build"u8, RdpTables.Build(rdp.Core32(16)));
        Utf16(writer, "client_name"u8, core.Slice(ClientName, ClientNameBytes));
        ReadOnlySpan<byte> keyboard = RdpTables.Keyboard(rdp.Core32(52));
        if (!keyboard.IsEmpty)
        {
            writer.Text("keyboard_type"u8, keyboard);
        }

        writer.Number("function_keys"u8, (long)rdp.Core32(60));
        if (hasProduct)
        {
            writer.Number("product_id"u8, (long)rdp.Core16(ProductId));
        }

        if (!hasCapabilities)
        {
            return;
        }

        if (rdp.Core16(Capabilities) != 0)
        {
            WriteBits(writer, "capabilities"u8, rdp.Core16(Capabilities), RdpTables.Capabilities);
        }

        if (core.Length >= ProductIdText + ProductIdTextBytes)
        {
            Utf16(writer, "id"u8, core.Slice(ProductIdText, ProductIdTextBytes));
            if (core.Length > ConnectionType && !RdpTables.Connection(core[ConnectionType]).IsEmpty)
            {
                writer.Text("connection_hint"u8, RdpTables.Connection(core[ConnectionType]));
            }
        }
    }

    /// <summary>The codes 0xCA00 to 0xCA04.</summary>
    private static long BitsOf(ushort code) => code switch
    {
        FirstDepth => 4,
        0xca02 => 15,
        0xca03 => 16,
        LastDepth => 24,
        _ => 8,
    };

    private static void WriteBits(EveWriter writer, ReadOnlySpan<byte> name, int bits, string[] names)
    {
        writer.StartArray(name);
        for (int i = 0; i < names.Length; i++)
        {
            if ((bits & (1 << i)) != 0 && names[i].Length > 0)
            {
                writer.TextValue(names[i]);
            }
        }

        writer.EndArray();
    }

    /// <summary>UTF-16, little-endian, up to a NUL; nothing when empty.</summary>
    private static void Utf16(EveWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> wire)
    {
        ReadOnlySpan<char> text = MemoryMarshal.Cast<byte, char>(wire);
        int end = text.IndexOf('\0');
        text = end < 0 ? text : text[..end];
        Span<byte> utf8 = stackalloc byte[3 * ProductIdTextBytes / 2];
        if (!text.IsEmpty && Utf8.FromUtf16(text, utf8, out _, out int written) == System.Buffers.OperationStatus.Done)
        {
            writer.Text(name, utf8[..written]);
        }
    }
}
