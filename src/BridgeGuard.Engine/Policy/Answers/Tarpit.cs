using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Policy.Answers;

/// <summary>Holds a TCP connection open that never moves: the peer's own stack keeps it and asks again and again.</summary>
/// <remarks>
/// A new connection is accepted in the server's name with a window of a few bytes; whatever comes is answered with a closed window and not
/// acknowledged, which puts the peer into persist mode (RFC 9293 §3.8.6.1) for as long as it has patience. Nothing is stored here, so a
/// thousand held connections cost nothing.
/// </remarks>
public static class Tarpit
{
    /// <summary>Enough that the peer begins to send.</summary>
    private const ushort OpeningWindow = 4;

    /// <summary>Our sequence number in a connection that we accept: any will do, it need not be remembered because every answer takes it from the peer.</summary>
    private const uint OpeningSequence = 0x5A17_0000;

    /// <summary>Answers a packet of the held peer; the packet itself goes nowhere.</summary>
    public static void Answer(Packet packet, FrameInjector injector)
    {
        if (!packet.IsTcp || packet.Tcp.Has(TcpFlags.Rst))
        {
            return;
        }

        if (packet.Tcp.Has(TcpFlags.Syn))
        {
            TcpAnswers.TryAnswer(packet, injector, OpeningSequence, packet.Tcp.Sequence + 1, TcpFlags.Syn | TcpFlags.Ack, OpeningWindow, default);
        }
        else if (packet.PayloadLength > 0 || packet.Tcp.Has(TcpFlags.Fin))
        {
            TcpAnswers.TryAnswer(packet, injector, packet.Tcp.Acknowledgement, packet.Tcp.Sequence, TcpFlags.Ack, 0, default);
        }
    }
}
