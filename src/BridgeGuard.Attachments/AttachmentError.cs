namespace BridgeGuard.Attachments;

/// <summary>What kind of thing is missing or wrong; the command line maps each to an exit code.</summary>
public enum AttachmentErrorKind
{
    /// <summary>A file, folder, bridge or device that was named does not exist.</summary>
    NotFound,

    /// <summary>The process may not do it (root or a capability is missing).</summary>
    Permission,

    /// <summary>The kernel or a library lacks a feature.</summary>
    Unsupported,

    /// <summary>The argument itself is wrong: a filter that does not compile, a device name that is too long.</summary>
    BadArgument,

    /// <summary>The capture ends in the middle of a packet.</summary>
    Truncated,

    /// <summary>The bytes are no capture, or are damaged.</summary>
    Corrupt,

    /// <summary>A system call failed in a way none of the others names.</summary>
    Failed,
}

/// <summary>Why an attachment could not start or go on, as one line for the operator.</summary>
/// <param name="Kind">The class of the error.</param>
/// <param name="Message">One sentence without a line break; it names the file or device.</param>
/// <param name="PacketNumber">The 1-based packet that could not be read, 0 where that has no meaning.</param>
public sealed record AttachmentError(AttachmentErrorKind Kind, string Message, ulong PacketNumber = 0)
{
    public override string ToString() => Message;
}
