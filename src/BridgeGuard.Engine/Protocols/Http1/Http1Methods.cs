namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Methods that betray a request: RFC 9110 §9, WebDAV (RFC 4918), versioning (RFC 3253).</summary>
internal static class Http1Methods
{
    public static readonly string[] All =
    [
        "GET", "PUT", "POST", "HEAD", "TRACE", "OPTIONS", "CONNECT", "DELETE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE",
        "LOCK", "UNLOCK", "CHECKOUT", "UNCHECKOUT", "CHECKIN", "UPDATE", "LABEL", "REPORT", "MKWORKSPACE", "MKACTIVITY", "MERGE", "INVALID",
        "VERSION-CONTROL", "BASELINE-CONTROL",
    ];

    /// <summary>Does the line begin with one of them and white space?</summary>
    public static bool Begins(ReadOnlySpan<byte> line)
    {
        int end = line.IndexOfAny((byte)' ', (byte)'\t');
        if (end <= 0 || end > 16)
        {
            return false;
        }

        foreach (string method in All)
        {
            if (method.Length == end && System.Text.Ascii.Equals(line[..end], method))
            {
                return true;
            }
        }

        return false;
    }
}
