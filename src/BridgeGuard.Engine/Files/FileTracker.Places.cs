namespace BridgeGuard.Engine.Files;

/// <content>Open files by where they come from: a rest that is asked for elsewhere continues one.</content>
public sealed partial class FileTracker
{
    private void NoteOpen(TrackedFile file)
    {
        file.OpenedBefore = _open.GetValueOrDefault(file.Place);
        _open[file.Place] = file;
        TrackedFile oldest = file;
        for (int i = 1; i < MaxOpenOfAPlace && oldest.OpenedBefore is { } before; i++)
        {
            oldest = before;
        }

        oldest.OpenedBefore = null;
    }

    private void ForgetOpen(TrackedFile file)
    {
        if (file.Place == FilePlace.None || !_open.TryGetValue(file.Place, out TrackedFile? open))
        {
            return;
        }

        if (open != file)
        {
            while (open.OpenedBefore is { } before && before != file)
            {
                open = before;
            }

            open.OpenedBefore = open.OpenedBefore == file ? file.OpenedBefore : null;
        }
        else if (file.OpenedBefore is { } newest)
        {
            _open[file.Place] = newest;
        }
        else
        {
            _open.Remove(file.Place);
        }

        file.OpenedBefore = null;
    }

    /// <summary>A file of this place that is open, or was when its connection died, and that reaches to where the rest begins.</summary>
    internal TrackedFile? FindOpen(ulong place, long total, long reach)
    {
        TrackedFile? file = NewestOpen(place);
        while (file is not null && (file.Size < reach || file.IsEnded || (file.AnnouncedSize != total && file.AnnouncedSize >= 0 && total >= 0)))
        {
            file = file.OpenedBefore;
        }

        return file;
    }

    /// <summary>The newest of the files of this place that are open; the others are before it.</summary>
    internal TrackedFile? NewestOpen(ulong place) => place == FilePlace.None ? null : _open.GetValueOrDefault(place);
}
