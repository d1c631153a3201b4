using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>How far a direction of a mail got; also the names of rule hooks.</summary>
internal static class SmtpProgress
{
    public const byte Started = 0;

    /// <summary>The message is coming (DATA, BDAT) or is welcome (354).</summary>
    public const byte Data = 1;
    public const byte Complete = 2;
}

/// <summary>One mail: from the first command to the reply to its end, or to what takes its place (RSET, QUIT, STARTTLS).</summary>
internal sealed partial class SmtpTransaction : Transaction
{
    /// <summary>The name the client gave itself; of the session, copied into each mail.</summary>
    public ByteBuffer Helo { get; } = new();

    public bool HasHelo { get; set; }

    public ByteBuffer MailFrom { get; } = new();

    public bool HasMailFrom { get; set; }

    public ByteBuffer RecipientText { get; } = new();

    public List<Slice> Recipients { get; } = [];

    public MimeMessage Message { get; } = new();

    /// <summary>The client is through with it: what it sends next belongs to another.</summary>
    public bool IsSent { get; set; }

    public FileList Attachments { get; } = new();

    public override FileList FilesToServer => Attachments;

    public void Raise(SmtpAnomaly anomaly) => Note((int)anomaly);

    public void Complete()
    {
        IsSent = true;
        ProgressToServer = SmtpProgress.Complete;
        ProgressToClient = SmtpProgress.Complete;
    }

    public override void OnInspected(Direction direction)
    {
        if (direction == Direction.ToServer)
        {
            for (int i = 0; i < Attachments.Count; i++)
            {
                Attachments[i].MarkInspected();
            }
        }
    }

    public override void Reset()
    {
        base.Reset();
        Helo.Reset();
        HasHelo = false;
        MailFrom.Reset();
        HasMailFrom = false;
        RecipientText.Reset();
        Recipients.Clear();
        Message.Reset();
        IsSent = false;
    }
}
