import { Title, type TitleProps } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { useEffect, useRef } from 'react';
import { NavigationType, useNavigationType } from 'react-router';

/** The one heading of a page. It takes the focus when the page is reached by a link, so that a screen reader starts there. */
export function PageTitle({ children, documentTitle, ...props }: TitleProps & { children: string; documentTitle?: string }) {
  useDocumentTitle(`${documentTitle ?? children} · Syncline`);
  const ref = useRef<HTMLHeadingElement>(null);
  const arrivedBy = useNavigationType();
  useEffect(() => {
    if (arrivedBy === NavigationType.Push) ref.current?.focus({ preventScroll: true });
    // Only on arrival: a later change of the search in the address must not move the focus.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  return (
    <Title ref={ref} order={1} tabIndex={-1} {...props}>
      {children}
    </Title>
  );
}
