using System.Globalization;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>Keywords over the numbers of a message.</summary>
internal static class Krb5Keywords
{
    public static readonly KeywordDescriptor[] All =
    [
        New("krb5_msg_type", DirectionMask.Both, ParseMessageType, "the message's type: 10 AS-REQ, 11 AS-REP, 12 TGS-REQ, 13 TGS-REP, 30 error"),
        New("krb5_err_code", DirectionMask.ToClient, ParseErrorCode, "the code of an error"),
        New("krb5.ticket_encryption", DirectionMask.ToClient, ParseEncryption, "the ticket's encryption: weak, !weak, or a list of names and numbers"),
    ];

    private static KeywordDescriptor New(string name, DirectionMask directions, KeywordParser parse, string help) => new()
    {
        Name = name,
        Directions = directions,
        ProgressToServer = 1,
        ProgressToClient = 1,
        Parse = parse,
        Help = help,
    };

    private static NumberMatcher? ParseMessageType(string? argument, out string error) => ParseNumber(argument, isError: false, out error);

    private static NumberMatcher? ParseErrorCode(string? argument, out string error) => ParseNumber(argument, isError: true, out error);

    private static NumberMatcher? ParseNumber(string? argument, bool isError, out string error)
    {
        string text = (argument ?? "").Trim();
        bool isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
        error = isNumber ? "" : $"«{text}» is no number, expected one such as {(isError ? "25" : "10")}";
        return isNumber ? new NumberMatcher(number, isError) : null;
    }

    private static EncryptionMatcher? ParseEncryption(string? argument, out string error)
    {
        string text = (argument ?? "").Trim();
        error = "";
        if (text is "weak" or "!weak")
        {
            return new EncryptionMatcher([], text == "weak");
        }

        string[] parts = text.Split(',');
        int[] types = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            string part = parts[i].Trim();
            if ((part.StartsWith('+') || !int.TryParse(part, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out types[i]))
                && !Krb5Tables.TryFindEncryption(part, out types[i]))
            {
                error = $"«{part}» is no encryption type, expected weak, !weak, a number or a name such as rc4-hmac";
                return null;
            }
        }

        return new EncryptionMatcher(types, false);
    }

    private sealed class NumberMatcher(int number, bool isError) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var krb5 = (Krb5Transaction)transaction;
            return isError ? krb5.MessageType == Krb5Message.Error && krb5.ErrorCode == number : krb5.MessageType == number;
        }
    }

    /// <param name="types">Those that match; when empty, those that are weak or not decide.</param>
    /// <param name="isWeak">Weak ones are wanted.</param>
    private sealed class EncryptionMatcher(int[] types, bool isWeak) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var krb5 = (Krb5Transaction)transaction;
            return krb5.HasTicket && (types.Length == 0
                ? Krb5Tables.IsWeak(krb5.TicketEncryption) == isWeak
                : Array.IndexOf(types, krb5.TicketEncryption) >= 0);
        }
    }
}
