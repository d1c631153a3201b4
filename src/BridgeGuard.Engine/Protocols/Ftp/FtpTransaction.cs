using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>How far a direction got.</summary>
internal static class FtpProgress
{
    public const byte Started = 0;
    public const byte Complete = 1;
}

/// <summary>Which side opens the data connection.</summary>
internal enum FtpMode : byte
{
    None,
    Active,
    Passive,
}

/// <summary>A command with all its replies; or a reply that nobody asked for, such as the greeting.</summary>
internal sealed partial class FtpTransaction : Transaction
{
    public FtpCommand Command { get; set; }

    /// <summary>Command, argument, codes and reply texts, one behind the other.</summary>
    public ByteBuffer Text { get; } = new();

    /// <summary>The command word in capitals; none for an unknown command.</summary>
    public Slice Word { get; set; } = Slice.None;

    public Slice Argument { get; set; } = Slice.None;

    public List<Slice> Codes { get; } = [];

    public List<Slice> Replies { get; } = [];

    public FtpMode Mode { get; set; }

    public ushort DynamicPort { get; set; }

    /// <summary>Where PORT or EPRT asks the server to connect to; counts with its consent. 0: nowhere.</summary>
    public ushort OfferedPort { get; set; }

    /// <summary>The data connection is to go to someone else than the client.</summary>
    public bool IsBounce { get; set; }

    /// <summary>It asked for a port and none could be read of it.</summary>
    public bool IsBadPort { get; set; }

    public bool IsCommandTruncated { get; set; }

    public bool IsReplyTruncated { get; set; }

    public bool IsReplied { get; set; }

    /// <summary>Its data connection is noted.</summary>
    public bool IsExpected { get; set; }

    public int Preliminary { get; set; }

    /// <summary>The code of a reply of several lines that is not over, 0: none.</summary>
    public int OpenCode { get; set; }

    public void Raise(FtpAnomaly anomaly) => Note((int)anomaly);

    public void Complete()
    {
        IsReplied = true;
        ProgressToServer = FtpProgress.Complete;
        ProgressToClient = FtpProgress.Complete;
    }

    public override void Reset()
    {
        base.Reset();
        Command = FtpCommand.Unknown;
        Text.Reset();
        Word = Slice.None;
        Argument = Slice.None;
        Codes.Clear();
        Replies.Clear();
        Mode = FtpMode.None;
        DynamicPort = 0;
        OfferedPort = 0;
        IsBounce = false;
        IsBadPort = false;
        IsCommandTruncated = false;
        IsReplyTruncated = false;
        IsReplied = false;
        IsExpected = false;
        Preliminary = 0;
        OpenCode = 0;
    }
}
