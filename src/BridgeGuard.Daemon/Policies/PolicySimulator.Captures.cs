using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using SharpPcap;
using SharpPcap.LibPcap;

namespace BridgeGuard.Daemon.Policies;

/// <content>Captures in place of synthetic traffic.</content>
public sealed partial class PolicySimulator
{
    /// <summary>Plays a capture whose first sender is the client; the strictest verdict of all frames counts.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public SimulationResult Replay(string? clientRole, string? serverRole, string file, bool isQuarantined = false, string[]? clientTags = null)
    {
        List<(long TimeUs, byte[] Bytes)> frames = ReadFrames(file);
        ulong clientMac = frames.Count > 0 ? MacAt(frames[0].Bytes, 6) : 0;
        ulong serverMac = frames.Count > 0 ? MacAt(frames[0].Bytes, 0) : 0;
        SyntheticEnd client = End(1) with { Mac = clientMac };
        SyntheticEnd server = End(2) with { Mac = serverMac };

        // The capture's addresses are the guests': the guard must not take them for lies.
        Prepare(clientRole, serverRole, client with { Address = default, Address6 = default }, server with { Address = default, Address6 = default }, isQuarantined, clientTags);
        Verdict strictest = default;
        foreach ((long timeUs, byte[] bytes) in frames)
        {
            ushort port = MacAt(bytes, 6) == clientMac ? client.PortId : server.PortId;
            Verdict verdict = _worker!.Process(bytes, 0, bytes.Length, new FrameInfo { TimestampUs = timeUs, LinkType = LinkType.Ethernet, PortId = port });
            _worker.Injector.Clear();
            bool isStricter = strictest.Action == VerdictAction.Pass && (verdict.Action == VerdictAction.Drop || verdict.Modified);
            strictest = isStricter ? verdict : strictest;
        }

        _worker!.Finish();
        return Result(Checked(strictest));
    }

    internal static List<(long TimeUs, byte[] Bytes)> ReadFrames(string file)
    {
        var frames = new List<(long, byte[])>();
        try
        {
            using CaptureFileReaderDevice reader = new(file);
            reader.Open();
            while (reader.GetNextPacket(out PacketCapture packet) == GetPacketStatus.PacketRead)
            {
                if (packet.Data.Length >= 14)
                {
                    long timeUs = ((long)packet.Header.Timeval.Seconds * 1_000_000) + (long)packet.Header.Timeval.MicroSeconds;
                    frames.Add((timeUs, packet.Data.ToArray()));
                }
            }
        }
        catch (PcapException e)
        {
            throw new IOException($"{file}: {e.Message}", e);
        }

        return frames;
    }

    private static ulong MacAt(ReadOnlySpan<byte> frame, int at) =>
        ((ulong)BinaryPrimitives.ReadUInt16BigEndian(frame[at..]) << 32) | BinaryPrimitives.ReadUInt32BigEndian(frame[(at + 2)..]);
}
