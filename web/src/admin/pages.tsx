/** Lists that come page by page. */

import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { wordsOf } from "../protocol/api.ts";
import type { Page } from "../protocol/types.ts";
import { Button } from "../ui/button.tsx";

interface Props<T> {
  queryKey: QueryKey;
  read(cursor: string | null): Promise<Page<T>>;
  /** What is said where there is nothing. */
  none: string;
  more: string;
  children(items: T[]): ReactNode;
}

export function Pages<T>({ queryKey, read, none, more, children }: Props<T>) {
  const pages = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    staleTime: 0,
    placeholderData: (before) => before,
  });
  if (pages.isError && !pages.data) {
    return (
      <div role="alert" className="space-y-3 text-sm text-soft">
        <p>{wordsOf(pages.error)}</p>
        <Button onClick={() => void pages.refetch()}>Try again</Button>
      </div>
    );
  }
  if (!pages.data) return <div role="status" aria-label="Loading" className="shimmer h-40" />;
  const items = pages.data.pages.flatMap((page) => page.items);
  return (
    <>
      {items.length === 0 ? <p className="text-sm text-faint">{none}</p> : children(items)}
      {pages.hasNextPage && (
        <Button className="mt-4" disabled={pages.isFetching} onClick={() => void pages.fetchNextPage()}>
          {more}
        </Button>
      )}
      {pages.isFetchNextPageError && (
        <p role="alert" className="mt-2 text-sm text-danger">
          {wordsOf(pages.error)}
        </p>
      )}
    </>
  );
}
