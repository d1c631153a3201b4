using System.Buffers.Binary;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Rfb;

/// <summary>Writes the <c>rfb</c> object: the handshake as far as it went.</summary>
internal sealed class RfbEve : EveLogger
{
    public override string EventType => "rfb";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool UsesCarryingPacket => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var rfb = (RfbTransaction)transaction;
        writer.StartObject("rfb"u8);
        WriteVersion(writer, "server_protocol_version"u8, rfb.ServerVersion);
        WriteVersion(writer, "client_protocol_version"u8, rfb.ClientVersion);
        WriteAuthentication(writer, rfb);
        if (rfb.HasFailureReason)
        {
            writer.Bytes("server_security_failure_reason"u8, rfb.FailureReason);
        }

        if (rfb.ScreenShared is { } shared)
        {
            writer.Bool("screen_shared"u8, shared != 0);
        }

        if (rfb.HasFramebuffer)
        {
            WriteFramebuffer(writer, rfb);
        }

        writer.EndObject();
        return true;
    }

    private static void WriteVersion(EveWriter writer, ReadOnlySpan<byte> name, RfbVersion version)
    {
        if (!version.IsSeen)
        {
            return;
        }

        writer.StartObject(name);
        writer.Bytes("major"u8, version.Major);
        writer.Bytes("minor"u8, version.Minor);
        writer.EndObject();
    }

    private static void WriteAuthentication(EveWriter writer, RfbTransaction rfb)
    {
        writer.StartObject("authentication"u8);
        if (rfb.SecurityType is { } type)
        {
            writer.Number("security_type"u8, (long)type);
            if (type == 2 && rfb.HasChallenge)
            {
                writer.StartObject("vnc"u8);
                writer.HexText("challenge"u8, rfb.Challenge);
                if (rfb.HasResponse)
                {
                    writer.HexText("response"u8, rfb.Response);
                }

                writer.EndObject();
            }
        }

        if (rfb.SecurityResult == 0)
        {
            writer.Text("security_result"u8, "OK"u8);
        }

        writer.EndObject();
    }

    private static void WriteFramebuffer(EveWriter writer, RfbTransaction rfb)
    {
        ReadOnlySpan<byte> format = rfb.PixelFormat;
        writer.StartObject("framebuffer"u8);
        writer.Number("width"u8, (long)rfb.Width);
        writer.Number("height"u8, (long)rfb.Height);
        writer.Bytes("name"u8, rfb.Name);
        writer.StartObject("pixel_format"u8);
        writer.Number("bits_per_pixel"u8, (long)format[0]);
        writer.Number("depth"u8, (long)format[1]);
        writer.Bool("big_endian"u8, format[2] != 0);
        writer.Bool("true_color"u8, format[3] != 0);
        writer.Number("red_max"u8, (long)BinaryPrimitives.ReadUInt16BigEndian(format[4..]));
        writer.Number("green_max"u8, (long)BinaryPrimitives.ReadUInt16BigEndian(format[6..]));
        writer.Number("blue_max"u8, (long)BinaryPrimitives.ReadUInt16BigEndian(format[8..]));
        writer.Number("red_shift"u8, (long)format[10]);
        writer.Number("green_shift"u8, (long)format[11]);
        writer.Number("blue_shift"u8, (long)format[12]);
        writer.EndObject();
        writer.EndObject();
    }
}
