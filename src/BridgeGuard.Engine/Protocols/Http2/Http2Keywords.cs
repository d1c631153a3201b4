using System.Globalization;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Keywords with arguments of their own: <c>http2.frametype</c>, <c>http2.errorcode</c>, <c>http2.settings</c>.</summary>
internal static class Http2Keywords
{
    public static readonly KeywordDescriptor[] All =
    [
        new() { Name = "http2.frametype", Directions = DirectionMask.Both, Parse = ParseFrameType, Help = "a frame of this type (name or number)" },
        new() { Name = "http2.errorcode", Directions = DirectionMask.Both, Parse = ParseErrorCode, Help = "an error code (name or number) of RST_STREAM or GOAWAY" },
        new() { Name = "http2.settings", Directions = DirectionMask.Both, Parse = ParseSettings, Help = "a setting by name, and what its value is compared with" },
    ];

    private static FrameTypeMatcher? ParseFrameType(string? argument, out string error)
    {
        error = $"«{argument}» is not a frame type, expected one of {string.Join(", ", Http2Tables.FrameTypes)} or a number up to 255";
        return TryFind(argument, Http2Tables.FrameTypes, byte.MaxValue, out uint value) ? new FrameTypeMatcher((byte)value) : null;
    }

    private static ErrorCodeMatcher? ParseErrorCode(string? argument, out string error)
    {
        error = $"«{argument}» is not an error code, expected one of {string.Join(", ", Http2Tables.ErrorCodes)} or a number";
        return TryFind(argument, Http2Tables.ErrorCodes, uint.MaxValue, out uint value) ? new ErrorCodeMatcher(value) : null;
    }

    private static SettingMatcher? ParseSettings(string? argument, out string error)
    {
        string text = argument?.Trim() ?? "";
        int end = 0;
        while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] == '_'))
        {
            end++;
        }

        int id = Array.FindIndex(Http2Tables.Settings, name => name.AsSpan().Equals(text.AsSpan(0, end), StringComparison.OrdinalIgnoreCase)) + 1;
        if (!Http2Tables.IsKnownSetting((ushort)id))
        {
            error = $"«{text[..end]}» is not a setting, expected one of {string.Join(", ", Array.FindAll(Http2Tables.Settings, name => name.Length > 0))}";
            return null;
        }

        // The sign = may stand before any comparison; what begins with ! has to stand apart from the name.
        ReadOnlySpan<char> behind = text.AsSpan(end);
        if (behind.StartsWith("!"))
        {
            error = $"«{behind}» has to stand apart from the setting's name";
            return null;
        }

        ReadOnlySpan<char> rest = behind.Trim();
        rest = rest.StartsWith("=") ? rest[1..].Trim() : rest;
        error = "";
        if (rest.Length == 0)
        {
            return new SettingMatcher((ushort)id, null);
        }

        if (!IntegerRange.TryParse(rest, IntegerRange.MaxU32, out IntegerRange range, out ArgumentError wrong))
        {
            error = wrong.Message;
            return null;
        }

        return new SettingMatcher((ushort)id, range);
    }

    private static bool TryFind(string? text, string[] names, uint max, out uint value)
    {
        string name = text?.Trim() ?? "";
        int index = Array.FindIndex(names, candidate => candidate.Equals(name, StringComparison.OrdinalIgnoreCase));
        value = (uint)Math.Max(index, 0);

        // Of what begins with a digit the number counts.
        ReadOnlySpan<char> digits = name.AsSpan(0, name.AsSpan().IndexOfAnyExceptInRange('0', '9') is >= 0 and var end ? end : name.Length);
        return index >= 0 || (uint.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= max);
    }

    private sealed class FrameTypeMatcher(byte type) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) =>
            type < Http2Side.UnknownType && (((Http2Transaction)transaction).Side(direction).Types & (1 << type)) != 0;
    }

    private sealed class ErrorCodeMatcher(uint code) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            Http2Side side = ((Http2Transaction)transaction).Side(direction);
            for (int i = 0; side.TryGet(Http2NoteKind.ErrorCode, i, out uint value); i++)
            {
                if (value == code)
                {
                    return true;
                }
            }

            return false;
        }
    }

    private sealed class SettingMatcher(ushort id, IntegerRange? range) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            Http2Side side = ((Http2Transaction)transaction).Side(direction);
            for (int i = 0; i < side.NoteCount; i++)
            {
                if (side[i].Kind == Http2NoteKind.Setting && side[i].Id == id && (range is not { } wanted || wanted.Matches(side[i].Value)))
                {
                    return true;
                }
            }

            return false;
        }
    }
}
