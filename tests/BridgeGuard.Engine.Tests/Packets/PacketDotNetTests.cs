using BridgeGuard.Engine.Packets;
using BridgeGuard.Testing.Packets;
using PacketDotNet;
using Xunit;
using OurPacket = BridgeGuard.Engine.Packets.Packet;

namespace BridgeGuard.Engine.Tests.Packets;

/// <summary>Header values of real captures, as an independent decoder reads them.</summary>
public sealed class PacketDotNetTests
{
    private const int FramesPerCapture = 3000;

    [Fact]
    public void RealCapturesHaveTheSameHeaderValues()
    {
        string? folder = FindCaptures();
        Assert.SkipWhen(folder is null, "The exam's captures (shared/exam/parity/pcaps) are not beside the repository.");
        Decoding decoding = new();
        int compared = 0;
        foreach (string path in Directory.EnumerateFiles(folder!))
        {
            if (new FileInfo(path).Length > 20_000_000 || CaptureFile.TryRead(path, FramesPerCapture) is not { LinkType: LinkType.Ethernet } capture)
            {
                continue;
            }

            foreach (byte[] frame in capture.Frames)
            {
                compared += Compare(decoding.Decode(frame), frame) ? 1 : 0;
            }
        }

        Assert.True(compared > 10_000, $"only {compared} packets were compared");
    }

    private static bool Compare(OurPacket ours, byte[] frame)
    {
        if (ours.Has(PacketFlags.Invalid) || ours.Has(PacketFlags.BadTransport) || ours.Has(PacketFlags.Fragment))
        {
            return false;
        }

        PacketDotNet.Packet theirs;
        try
        {
            theirs = PacketDotNet.Packet.ParsePacket(LinkLayers.Ethernet, frame);
        }
        catch (Exception)
        {
            return false; // The oracle gives up on some frames; that is its business.
        }

        if (theirs.Extract<IPPacket>() is not { } ip || ip.ParentPacket is IPPacket)
        {
            return false;
        }

        Assert.Equal((int)ip.Version, ours.IpVersion);
        Assert.Equal(ip.SourceAddress.ToString(), Text(ours.SourceAddress, ours.IpVersion));
        Assert.Equal(ip.DestinationAddress.ToString(), Text(ours.DestinationAddress, ours.IpVersion));
        Assert.Equal(ip.TimeToLive, ours.Ttl);
        switch (ip.PayloadPacket)
        {
            case TcpPacket tcp:
                Assert.True(ours.IsTcp);
                Assert.Equal((tcp.SourcePort, tcp.DestinationPort), (ours.SourcePort, ours.DestinationPort));
                Assert.Equal((tcp.SequenceNumber, tcp.AcknowledgmentNumber), (ours.Tcp.Sequence, ours.Tcp.Acknowledgement));
                Assert.Equal(tcp.WindowSize, ours.Tcp.Window);
                Assert.Equal(tcp.DataOffset * 4, ours.TransportHeaderLength);
                Assert.Equal((tcp.Synchronize, tcp.Acknowledgment, tcp.Reset, tcp.Finished), (Has(TcpFlags.Syn), Has(TcpFlags.Ack), Has(TcpFlags.Rst), Has(TcpFlags.Fin)));
                return true;
            case UdpPacket udp:
                Assert.True(ours.IsUdp);
                Assert.Equal((udp.SourcePort, udp.DestinationPort), (ours.SourcePort, ours.DestinationPort));
                Assert.Equal(udp.Length - 8, ours.PayloadLength);
                return true;
            default:
                return false;
        }

        bool Has(TcpFlags flag) => ours.Tcp.Has(flag);
    }

    private static string Text(IpAddress address, int version)
    {
        byte[] bytes = new byte[version == 4 ? 4 : 16];
        address.Write(bytes, version == 4);
        return new System.Net.IPAddress(bytes).ToString();
    }

    private static string? FindCaptures()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "exam", "parity", "pcaps");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }
}
