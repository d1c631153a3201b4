using System.Buffers.Binary;
using System.Buffers.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Tftp;

/// <summary>The data of a transfer (RFC 1350 §2, block size and options of RFC 2347 and 2348): blocks in order become a file.</summary>
/// <remarks>
/// The server answers from a port of its own choice (§4), so the flow was arranged by the request; one that answers from port 69 stays on the
/// request's flow. A block that repeats is skipped; one that is missing leaves a gap. The last block is the one that is not full.
/// </remarks>
internal sealed class TftpTransfer
{
    private const int Data = 3;
    private const int OptionAcknowledgement = 6;
    private const int HeaderBytes = 4;
    private const int DefaultBlockBytes = 512;

    /// <summary>RFC 2348 §2.</summary>
    private const int MaxBlockBytes = 65_464;

    private readonly ByteBuffer _name = new();
    private TftpTransaction? _transaction;
    private TrackedFile? _file;
    private bool _isArranged;
    private bool _isWrite;
    private int _blockBytes = DefaultBlockBytes;
    private ushort _next = 1;

    /// <summary>A request: the flow of its data is expected from the server's address to the client's port.</summary>
    public void Arrange(ReadOnlySpan<byte> name, bool isWrite, in ParseContext context)
    {
        Reset();
        _name.Append(name);
        _isWrite = isWrite;
        _isArranged = true;
        ref readonly FlowKey key = ref context.Flow.Key;
        bool toServer = context.Direction == Direction.ToServer;
        var expected = new ExpectationKey(
            toServer ? key.Destination : key.Source,
            toServer ? key.Source : key.Destination,
            toServer ? key.SourcePort : key.DestinationPort,
            key.Protocol,
            key.Vlan0);
        context.Expectations?.Add(in expected, ProtocolId.Tftp, context.Flow.Id, context.TimeUs, isWrite ? 1 : 0, name);
    }

    /// <summary>A datagram that is no request.</summary>
    public void Read(ReadOnlySpan<byte> input, TftpParser owner, in ParseContext context)
    {
        if (!_isArranged && context.Flow.Expectation is { Protocol: ProtocolId.Tftp } expectation)
        {
            _name.Append(expectation.Text.Span);
            _isWrite = expectation.Purpose != 0;
            _isArranged = true;
        }

        if (!_isArranged || input.Length < HeaderBytes || input[0] != 0)
        {
            return;
        }

        if (input[1] == OptionAcknowledgement)
        {
            ReadOptions(input[2..]);
        }
        else if (input[1] == Data)
        {
            Block(BinaryPrimitives.ReadUInt16BigEndian(input[2..]), input[HeaderBytes..], owner, in context);
        }
    }

    public void End(in ParseContext context)
    {
        if (_file is { IsEnded: false } file)
        {
            context.Files.Close(file, FileState.Truncated);
        }

        _file = null;
    }

    public void Forget(TftpTransaction transaction)
    {
        if (_transaction == transaction)
        {
            _transaction = null;
            _file = null;
        }
    }

    public void Reset()
    {
        _name.Reset();
        _transaction = null;
        _file = null;
        _isArranged = false;
        _isWrite = false;
        _blockBytes = DefaultBlockBytes;
        _next = 1;
    }

    private void ReadOptions(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            int nameEnd = text.IndexOf((byte)0);
            ReadOnlySpan<byte> value = nameEnd < 0 ? default : text[(nameEnd + 1)..];
            int valueEnd = value.IndexOf((byte)0);
            if (valueEnd < 0)
            {
                return;
            }

            if (System.Text.Ascii.EqualsIgnoreCase(text[..nameEnd], "blksize"u8)
                && Utf8Parser.TryParse(value[..valueEnd], out int bytes, out _) && bytes is >= 8 and <= MaxBlockBytes)
            {
                _blockBytes = bytes;
            }

            text = value[(valueEnd + 1)..];
        }
    }

    private void Block(ushort number, ReadOnlySpan<byte> data, TftpParser owner, in ParseContext context)
    {
        if (_transaction is null && number == 1 && _next == 1)
        {
            Open(owner, in context);
        }

        if (_file is not { IsEnded: false } file || context.Direction != file.Direction)
        {
            return;
        }

        int ahead = (short)(number - _next);
        if (ahead < 0)
        {
            return; // Said again.
        }

        if (ahead > 0)
        {
            context.Files.Gap(file, (long)ahead * _blockBytes);
        }

        context.Files.Append(file, data);
        _next = (ushort)(number + 1);
        if (data.Length < _blockBytes)
        {
            context.Files.Close(file);
            _transaction!.ProgressToServer = TftpTransaction.Complete;
            _transaction.ProgressToClient = TftpTransaction.Complete;
            _isArranged = false;
        }
    }

    private void Open(TftpParser owner, in ParseContext context)
    {
        _transaction = owner.AddTransfer(_name.Span, _isWrite);
        if (_transaction is null)
        {
            return;
        }

        FileList list = context.Direction == Direction.ToServer ? _transaction.Uploads : _transaction.Downloads;
        _file = context.Files.Open(list, _name.Span, in context);
        if (_file is not null)
        {
            _file.EndIsAnnounced = true; // A block that is not full is the last.
        }
    }
}
