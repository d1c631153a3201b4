namespace BridgeGuard.Engine.Files;

/// <summary>Where parsers put files: naming, type, hashing, inspection window, scanning. One per worker.</summary>
public sealed partial class FileTracker
{
}
