using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>Numbers of the inspection buffers and fields.</summary>
internal enum FtpBuffer
{
    Command,
    CommandData,
    CompletionCode,
    Reply,
    DynamicPort,
}

/// <summary>The <c>ftp.*</c> buffers, the field <c>ftp.dynamic_port</c> and the keywords with arguments of their own.</summary>
internal static class FtpBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        new()
        {
            Name = "ftp.command", LocalId = (int)FtpBuffer.Command, Directions = DirectionMask.ToServer,
            ProgressToServer = FtpProgress.Complete, Help = "the command word, in capitals",
        },
        new()
        {
            Name = "ftp.command_data", LocalId = (int)FtpBuffer.CommandData, Directions = DirectionMask.ToServer,
            ProgressToServer = FtpProgress.Complete, Help = "what follows the command word",
        },
        new()
        {
            Name = "ftp.completion_code", LocalId = (int)FtpBuffer.CompletionCode, Directions = DirectionMask.ToClient, IsMulti = true,
            ProgressToClient = FtpProgress.Complete, Help = "a reply code, three digits",
        },
        new()
        {
            Name = "ftp.reply", LocalId = (int)FtpBuffer.Reply, Directions = DirectionMask.ToClient, IsMulti = true,
            ProgressToClient = FtpProgress.Complete, Help = "a line of a reply, the last one without its code",
        },
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        new()
        {
            Name = "ftp.dynamic_port", LocalId = (int)FtpBuffer.DynamicPort, Directions = DirectionMask.Both, Bits = 16,
            ProgressToServer = FtpProgress.Complete, ProgressToClient = FtpProgress.Complete,
            Help = "the port of the data connection that PORT, EPRT, PASV or EPSV arrange",
        },
    ];

    public static readonly KeywordDescriptor[] Keywords =
    [
        new()
        {
            Name = "ftpbounce", Directions = DirectionMask.ToServer, ProgressToServer = FtpProgress.Complete, ArgumentOptional = true, Parse = ParseBounce,
            Help = "PORT or EPRT with an address that is not the client's",
        },
        new()
        {
            Name = "ftp.mode", Directions = DirectionMask.Both, Parse = ParseMode,
            ProgressToServer = FtpProgress.Complete, ProgressToClient = FtpProgress.Complete, Help = "active or passive: which side opens the data connection",
        },
        new()
        {
            Name = "ftp.reply_received", Directions = DirectionMask.ToClient, Parse = ParseReplied, Help = "yes or no: the command has its final reply",
        },
    ];

    private static Bounce? ParseBounce(string? argument, out string error)
    {
        error = string.IsNullOrWhiteSpace(argument) ? "" : $"«{argument}» is not understood, expected no argument";
        return error.Length == 0 ? new Bounce() : null;
    }

    private static HasMode? ParseMode(string? argument, out string error)
    {
        error = "";
        FtpMode mode = argument?.Trim().ToLowerInvariant() switch
        {
            "active" => FtpMode.Active,
            "passive" => FtpMode.Passive,
            _ => FtpMode.None,
        };
        if (mode == FtpMode.None)
        {
            error = $"«{argument}» is no FTP mode, expected active or passive";
            return null;
        }

        return new HasMode(mode);
    }

    private static IsReplied? ParseReplied(string? argument, out string error)
    {
        error = "";
        switch (argument?.Trim().ToLowerInvariant())
        {
            case "yes" or "true" or "1" or "on":
                return new IsReplied(true);
            case "no" or "false" or "0" or "off":
                return new IsReplied(false);
            default:
                error = $"«{argument}» is not understood, expected yes or no";
                return null;
        }
    }

    private sealed class Bounce : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) => ((FtpTransaction)transaction).IsBounce;
    }

    private sealed class HasMode(FtpMode mode) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) => ((FtpTransaction)transaction).Mode == mode;
    }

    private sealed class IsReplied(bool wanted) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) =>
            transaction is FtpTransaction { Word.Exists: true } command && command.IsReplied == wanted;
    }
}

/// <summary>The values of the buffers.</summary>
internal sealed partial class FtpTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        Slice value = (FtpBuffer)buffer switch
        {
            FtpBuffer.Command => index == 0 ? Word : Slice.None,
            FtpBuffer.CommandData => index == 0 ? Argument : Slice.None,
            FtpBuffer.CompletionCode => index < Codes.Count ? Codes[index] : Slice.None,
            _ => index < Replies.Count ? Replies[index] : Slice.None,
        };
        view = value.Exists ? new BufferView(Text[value]) : default;
        return value.Exists;
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        value = DynamicPort;
        return index == 0 && DynamicPort != 0;
    }
}
