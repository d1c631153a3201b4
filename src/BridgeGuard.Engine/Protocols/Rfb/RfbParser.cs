using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Rfb;

/// <summary>Follows the handshake (RFC 6143 §7.1 to §7.3), message after message; what comes behind is not read.</summary>
/// <remarks>
/// Both sides share one state, for each message is the answer to the one before. A side that speaks out of turn waits where the message of the other side may
/// simply not have arrived, and is a <c>confused_state</c> where it cannot be right.
/// </remarks>
internal sealed class RfbParser(RfbProtocol protocol) : PooledState<RfbTransaction>(protocol, 1)
{
    private const int VersionBytes = 12;
    private const int ChallengeBytes = 16;
    private const int ServerInitBytes = 24;

    private RfbTransaction? _transaction;
    private Phase _phase;

    private enum Phase : byte
    {
        ServerVersion,
        ClientVersion,

        /// <summary>3.7 and later: a list to choose from.</summary>
        SecurityTypes,
        SecurityChoice,

        /// <summary>3.3: the server decides.</summary>
        SecurityType,
        VncChallenge,
        VncResponse,
        SecurityResult,
        FailureReason,

        /// <summary>The server has said why it refuses: nothing is left to be said.</summary>
        Refused,
        ClientInit,
        ServerInit,

        /// <summary>Handshake over, or nothing that could be followed.</summary>
        Over,
    }

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (_transaction is null)
        {
            _transaction = Rent();
            Add(_transaction);
        }

        int consumed = 0;
        while (consumed < input.Length)
        {
            if (_phase == Phase.Over)
            {
                return ParseResult.Done(input.Length);
            }

            if (Speaker(_phase) != context.Direction || _phase == Phase.Refused)
            {
                return OutOfTurn(input.Length);
            }

            // Of a refusal the reason is no frame of its own, as in Suricata.
            bool isFrame = _phase != Phase.FailureReason;
            int used = Read(input[consumed..], out int needed);
            if (used == 0)
            {
                return ParseResult.NeedMore(consumed, needed);
            }

            if (isFrame)
            {
                context.OpenFrame(0, consumed, used);
            }

            consumed += used;
        }

        return ParseResult.Done(consumed);
    }

    public override void Reset()
    {
        base.Reset();
        _transaction = null;
        _phase = Phase.ServerVersion;
    }

    private static Direction Speaker(Phase phase) =>
        phase is Phase.ClientVersion or Phase.SecurityChoice or Phase.VncResponse or Phase.ClientInit ? Direction.ToServer : Direction.ToClient;

    private ParseResult OutOfTurn(int length)
    {
        _transaction!.Raise(RfbAnomaly.ConfusedState);
        Finish();
        return ParseResult.Done(length);
    }

    private void Finish()
    {
        _phase = Phase.Over;
        _transaction!.ProgressToServer = 1;
        _transaction.ProgressToClient = 1;
    }

    /// <summary>Reads the one message that the phase asks for; 0 while it is not whole.</summary>
    private int Read(ReadOnlySpan<byte> rest, out int needed)
    {
        needed = _phase switch
        {
            Phase.ServerVersion or Phase.ClientVersion => VersionBytes,
            Phase.SecurityType or Phase.SecurityResult or Phase.FailureReason => 4,
            Phase.VncChallenge or Phase.VncResponse => ChallengeBytes,
            Phase.ServerInit => ServerInitBytes,
            _ => 1,
        };
        if (rest.Length < needed)
        {
            return 0;
        }

        RfbTransaction transaction = _transaction!;
        switch (_phase)
        {
            case Phase.ServerVersion:
                return ReadVersion(rest, transaction.ServerVersion, Phase.ClientVersion);
            case Phase.ClientVersion:
                int used = ReadVersion(rest, transaction.ClientVersion, Phase.SecurityTypes);
                _phase = _phase == Phase.SecurityTypes && transaction.ClientVersion.Minor.SequenceEqual("003"u8) ? Phase.SecurityType : _phase;
                return used;
            case Phase.SecurityTypes:
                return ReadTypes(rest, out needed);
            case Phase.SecurityChoice:
                Choose(rest[0]);
                return 1;
            case Phase.SecurityType:
                Choose(BinaryPrimitives.ReadUInt32BigEndian(rest));
                return 4;
            case Phase.VncChallenge:
                transaction.SetChallenge(rest[..ChallengeBytes]);
                _phase = Phase.VncResponse;
                return ChallengeBytes;
            case Phase.VncResponse:
                transaction.SetResponse(rest[..ChallengeBytes]);
                _phase = Phase.SecurityResult;
                return ChallengeBytes;
            case Phase.SecurityResult:
                ReadResult(BinaryPrimitives.ReadUInt32BigEndian(rest));
                return 4;
            case Phase.FailureReason:
                return ReadReason(rest, out needed);
            case Phase.ClientInit:
                transaction.ScreenShared = rest[0];
                _phase = Phase.ServerInit;
                return 1;
            default:
                return ReadServerInit(rest, out needed);
        }
    }

    /// <summary><c>RFB 003.008\n</c> (RFC 6143 §7.1.1).</summary>
    private int ReadVersion(ReadOnlySpan<byte> rest, RfbVersion version, Phase next)
    {
        if (!rest.StartsWith("RFB "u8) || rest[7] != '.' || rest[11] != '\n')
        {
            _transaction!.Raise(RfbAnomaly.ConfusedState);
            Finish();
            return rest.Length;
        }

        version.Set(rest.Slice(4, 3), rest.Slice(8, 3));
        _phase = next;
        return VersionBytes;
    }

    private int ReadTypes(ReadOnlySpan<byte> rest, out int needed)
    {
        int count = rest[0];
        needed = 1 + count;
        if (rest.Length < needed)
        {
            return 0;
        }

        _phase = count == 0 ? Phase.FailureReason : Phase.SecurityChoice;
        return needed;
    }

    /// <summary>The security type, 1 none and 2 VNC authentication; others are named and not followed.</summary>
    private void Choose(uint type)
    {
        RfbTransaction transaction = _transaction!;
        transaction.SecurityType = type;
        switch (type)
        {
            case 0:
                _phase = Phase.FailureReason;
                break;
            case 1:
                // As in Suricata: the result that servers of 3.8 send all the same (RFC 6143 §7.1.3) is out of turn.
                _phase = Phase.ClientInit;
                break;
            case 2:
                _phase = Phase.VncChallenge;
                break;
            default:
                // What follows is not read; the record waits for the end.
                transaction.Raise(RfbAnomaly.UnimplementedSecurityType);
                _phase = Phase.Over;
                break;
        }
    }

    private void ReadResult(uint result)
    {
        RfbTransaction transaction = _transaction!;
        transaction.SecurityResult = result;
        switch (result)
        {
            case 0:
                _phase = Phase.ClientInit;
                break;
            case 1:
                _phase = Phase.FailureReason;
                break;
            default:
                transaction.Raise(RfbAnomaly.UnknownSecurityResult);
                Finish();
                break;
        }
    }

    private int ReadReason(ReadOnlySpan<byte> rest, out int needed)
    {
        int used = ReadText(rest, 0, out ReadOnlySpan<byte> reason, out needed);
        if (used > 0)
        {
            _transaction!.SetFailureReason(reason);
            _phase = Phase.Refused;
        }

        return used;
    }

    private int ReadServerInit(ReadOnlySpan<byte> rest, out int needed)
    {
        int used = ReadText(rest, ServerInitBytes - 4, out ReadOnlySpan<byte> name, out needed);
        if (used > 0)
        {
            _transaction!.SetFramebuffer(rest[..(ServerInitBytes - 4)], name);
            Finish();
        }

        return used;
    }

    /// <summary>A text with four bytes of length in front, at <paramref name="at"/>. What is above the limit is not waited for.</summary>
    private int ReadText(ReadOnlySpan<byte> rest, int at, out ReadOnlySpan<byte> text, out int needed)
    {
        uint length = BinaryPrimitives.ReadUInt32BigEndian(rest[at..]);
        int kept = (int)Math.Min(length, RfbLimits.MaxTextBytes);
        needed = at + 4 + kept;
        text = default;
        if (rest.Length < needed)
        {
            return 0;
        }

        if (kept < length)
        {
            _transaction!.Raise(RfbAnomaly.TooLongString);
        }

        text = rest.Slice(at + 4, kept);
        return needed;
    }
}
