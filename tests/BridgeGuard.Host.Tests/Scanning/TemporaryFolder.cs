namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>A folder that goes away with the test; made when it is first asked for, so that children that get killed leave none.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly Lazy<string> _path = new(() => Directory.CreateTempSubdirectory("bg-test-").FullName);

    public string Path => _path.Value;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        if (_path.IsValueCreated)
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
